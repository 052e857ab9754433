import type pg from 'pg';
import { disconnect } from '../keep-alive.ts';
import { connectionError } from './connection-error.ts';
import { connect, type Server } from './server.ts';

/** "hold", "fast": the advisory lock that every backup of ours takes on its source. */
const [CLASS, OBJECT] = [0x686f6c64, 0x66617374];

const TAKE = `select pg_try_advisory_lock(${CLASS}, ${OBJECT}) as taken`;

/** Sessions of one role see each other's names. */
const HOLDER = `
  select a.application_name as name from pg_locks l join pg_stat_activity a using (pid)
   where l.locktype = 'advisory' and l.classid = ${CLASS} and l.objid = ${OBJECT} and l.granted`;

export interface BackupLock {
  /** Who had it before, such as `holdfast <label>`; `undefined`: we have it. */
  readonly heldBy: string | undefined;
  /** Lets it go. Never throws. */
  release(): Promise<void>;
}

/**
 * Takes the lock that tells other backups of the same server that one is running. A courtesy: nobody
 * waits for it, and on another server of the cluster, or in another database, it is free.
 *
 * @throws HoldfastError SOURCE_UNREACHABLE
 */
export async function takeBackupLock(server: Server): Promise<BackupLock> {
  let client: pg.Client | undefined;
  try {
    client = await connect(server, server.target.database);
    // It idles as long as the backup takes.
    await client.query('set idle_session_timeout = 0');
    const { rows } = await client.query<{ taken: boolean }>(TAKE);
    const session = client;
    const release = () => disconnect(session);
    if (rows[0]?.taken === true) return { heldBy: undefined, release };
    const holder = await client.query<{ name: string }>(HOLDER);
    return { heldBy: holder.rows[0]?.name ?? 'another session', release };
  } catch (error) {
    if (client !== undefined) await disconnect(client);
    throw connectionError(error, server);
  }
}
