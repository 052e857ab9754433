import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { HoldfastError } from '../../../contract/errors.ts';
import { whereabouts } from './connection-error.ts';
import { inSession } from './in-session.ts';
import type { Server } from './server.ts';
import { survey } from './survey.ts';

/** How long replay may take to stand still: it finishes what it is at, and may wait for a query first. */
const PAUSE_WITHIN_MS = 30_000;
const POLL_MS = 50;
/** Replay that nobody resumes stands still for ever: worth some tries. */
const RESUME_TRIES = 5;
const RESUME_PAUSE_MS = 1_000;

const RIGHTS = `
  select has_function_privilege('pg_wal_replay_pause()', 'EXECUTE')
           and has_function_privilege('pg_wal_replay_resume()', 'EXECUTE') as granted,
         quote_ident(current_user) as role`;

/** Where replay stands still, so that every snapshot shows the same. */
export interface ReplayPause {
  readonly lsn: string;
  /** By the replica's clock. */
  readonly askedAt: Date;
  /** How far behind the replica was when it was asked. Seconds; `undefined`: unknown. */
  readonly replayLagSeconds: number | undefined;
}

/**
 * Pauses replay on a replica, and waits until it stands still. Replay goes on when this throws.
 *
 * @throws HoldfastError SOURCE_RIGHTS, SOURCE_NOT_PAUSED, SOURCE_UNREACHABLE
 */
export async function pauseReplay(server: Server, signal: AbortSignal): Promise<ReplayPause> {
  let asked = false;
  try {
    return await inSession(server, async (client) => {
      await assertMayPause(client, server);
      const { replayLagSeconds } = await survey(client);
      asked = true;
      const { rows } = await client.query<{ now: Date }>(
        'select clock_timestamp() as now from pg_wal_replay_pause()',
      );
      await standsStill(client, server, signal);
      const { lsn } = await survey(client);
      return { lsn, askedAt: rows[0]?.now ?? new Date(), replayLagSeconds };
    });
  } catch (error) {
    if (asked) await resumeReplay(server);
    throw error;
  }
}

/**
 * Lets replay go on, whether it was paused or not.
 *
 * @returns why it could not be told to; `undefined` once it has been.
 */
export async function resumeReplay(server: Server): Promise<HoldfastError | undefined> {
  for (let tries = 1; ; tries += 1) {
    try {
      await inSession(server, async (client) => {
        // A replica that was promoted has nothing to replay.
        await client.query(
          'select case when pg_is_in_recovery() then pg_wal_replay_resume()::text end',
        );
      });
      return undefined;
    } catch (error) {
      if (tries === RESUME_TRIES) return error as HoldfastError;
      await sleep(RESUME_PAUSE_MS);
    }
  }
}

/**
 * Makes sure that replay has not moved since it was paused.
 *
 * @throws HoldfastError SOURCE_CHANGED
 */
export function assertStillPaused(server: Server, pause: ReplayPause, lsn: string): void {
  if (lsn === pause.lsn) return;
  throw new HoldfastError(
    'SOURCE_CHANGED',
    `Replay on ${whereabouts(server)} went on during the backup, from ${pause.lsn} to ${lsn}: somebody resumed it.`,
    { hint: 'Nothing was published. Run the backup again, and leave replay paused meanwhile.' },
  );
}

async function assertMayPause(client: pg.Client, server: Server): Promise<void> {
  const { rows } = await client.query<{ granted: boolean; role: string }>(RIGHTS);
  const [rights] = rows;
  if (rights?.granted === true) return;
  throw new HoldfastError(
    'SOURCE_RIGHTS',
    `The role ${rights?.role} may not pause replay on ${whereabouts(server)}, which pauseReplay asks for.`,
    {
      hint: `Run on the primary, in the database ${server.target.database}: GRANT EXECUTE ON FUNCTION pg_wal_replay_pause(), pg_wal_replay_resume() TO ${rights?.role}; or set pauseReplay to false.`,
    },
  );
}

async function standsStill(client: pg.Client, server: Server, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + PAUSE_WITHIN_MS;
  for (;;) {
    signal.throwIfAborted();
    const { rows } = await client.query<{ state: string }>(
      'select pg_get_wal_replay_pause_state() as state',
    );
    if (rows[0]?.state === 'paused') return;
    if (Date.now() > deadline) {
      throw new HoldfastError(
        'SOURCE_NOT_PAUSED',
        `Replay on ${whereabouts(server)} did not stand still within ${PAUSE_WITHIN_MS / 1000} s.`,
        {
          hint: 'It waits for a query that conflicts with it: look into pg_stat_activity on the replica. Run the backup again.',
        },
      );
    }
    await sleep(POLL_MS);
  }
}
