import type pg from 'pg';
import { refused } from './preflight.ts';
import { connect, type TargetServer } from './target-connection.ts';

const PING_MS = 60_000;

/**
 * Advisory locks are a database's own: whoever restores the same database has to take the lock in the
 * same one, wherever the URI leads. A session in `template1` keeps others from CREATE DATABASE, so it
 * is only used where there is nothing else.
 */
async function connectForLock(target: TargetServer, name: string): Promise<pg.Client> {
  if (name === 'postgres') return connect(target, 'template1');
  try {
    return await connect(target, 'postgres');
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as { code?: string };
    if (code !== NO_SUCH_DATABASE) throw error;
    return connect(target, 'template1');
  }
}

const NO_SUCH_DATABASE = '3D000';

/**
 * Runs `work` while no other restore of ours builds the same database on this server: both would use
 * the same temporary one. The lock goes with the session, so a killed run leaves none; the session
 * is kept busy, because firewalls forget connections that say nothing for minutes.
 *
 * @throws HoldfastError RESTORE_REFUSED when another one is at it
 */
export async function withRestoreLock<T>(
  target: TargetServer,
  name: string,
  work: (session: pg.Client) => Promise<T>,
): Promise<T> {
  const session = await connectForLock(target, name);
  let ping: NodeJS.Timeout | undefined;
  try {
    const { rows } = await session.query<{ locked: boolean }>(
      "SELECT pg_try_advisory_lock(hashtextextended('holdfast restore ' || $1, 0)) AS locked",
      [name],
    );
    if (rows[0]?.locked !== true) {
      throw refused(
        `Another restore into "${name}" is running on the target.`,
        "Wait for it, or end it (its sessions have the application_name 'holdfast restore').",
      );
    }
    // A failed ping is not the end: whatever needs this session next says so itself.
    ping = setInterval(() => void session.query('SELECT 1').catch(() => {}), PING_MS);
    return await work(session);
  } finally {
    clearInterval(ping);
    await session.end().catch(() => {});
  }
}
