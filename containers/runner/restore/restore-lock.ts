import type pg from 'pg';
import { HoldfastError } from '../../../contract/errors.ts';
import { disconnect } from '../keep-alive.ts';
import { refused } from './preflight.ts';
import { connect, type TargetServer } from './target-connection.ts';

const PING_MS = 60_000;

const NO_SUCH_DATABASE = '3D000';

/** @throws HoldfastError RESTORE_FAILED when one of the locks is gone, and somebody else may hold it */
export type AssertHeld = () => Promise<void>;

type Work<T> = (session: pg.Client, assertHeld: AssertHeld) => Promise<T>;

/**
 * Runs `work` while no other restore of ours builds the same databases on this server: both would use
 * the same temporary ones. Locks go with their session, so a killed run leaves none; sessions are
 * kept busy, because firewalls forget connections that say nothing for minutes.
 *
 * Advisory locks are a database's own: whoever restores the same database has to take its lock in the
 * same one, wherever the URI leads. A session in `template1` keeps others from CREATE DATABASE, so it
 * is only used where there is nothing else: for `postgres` itself.
 *
 * @throws HoldfastError RESTORE_REFUSED when another one is at it
 */
export async function withRestoreLocks<T>(
  target: TargetServer,
  names: readonly string[],
  work: Work<T>,
): Promise<T> {
  const others = names.filter((name) => name !== 'postgres');
  const withPostgres = others.length < names.length;
  const lockOthers = (then: Work<T>) => withLocks(() => connectToPostgres(target), others, then);
  const lockPostgres = (then: Work<T>) =>
    withLocks(() => connect(target, 'template1'), ['postgres'], then);
  if (!withPostgres) return await lockOthers(work);
  if (others.length === 0) return await lockPostgres(work);
  // The session in `postgres` ends when that gives way; the other one lasts.
  return await lockOthers((_, othersHeld) =>
    lockPostgres((session, postgresHeld) =>
      work(session, async () => {
        await othersHeld();
        await postgresHeld();
      }),
    ),
  );
}

async function connectToPostgres(target: TargetServer): Promise<pg.Client> {
  try {
    return await connect(target, 'postgres');
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as { code?: string };
    if (code !== NO_SUCH_DATABASE) throw error;
    return connect(target, 'template1');
  }
}

async function withLocks<T>(
  open: () => Promise<pg.Client>,
  names: readonly string[],
  work: Work<T>,
): Promise<T> {
  const session = await open();
  let ping: NodeJS.Timeout | undefined;
  try {
    for (const name of names) {
      const { rows } = await session.query<{ locked: boolean }>(
        "SELECT pg_try_advisory_lock(hashtextextended('holdfast restore ' || $1, 0)) AS locked",
        [name],
      );
      if (rows[0]?.locked === true) continue;
      throw refused(
        `Another restore into "${name}" is running on the target.`,
        "Wait for it, or end it (its sessions have the application_name 'holdfast restore').",
      );
    }
    // A failed ping is not the end: whatever needs this session next says so itself.
    ping = setInterval(() => void session.query('SELECT 1').catch(() => {}), PING_MS);
    return await work(session, () => assertHeld(session, names));
  } finally {
    clearInterval(ping);
    await disconnect(session);
  }
}

async function assertHeld(session: pg.Client, names: readonly string[]): Promise<void> {
  let reason = 'it holds the lock no more';
  const held = await session
    .query<{ held: number }>(
      `SELECT count(*)::int AS held FROM pg_locks
        WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted`,
    )
    .then(
      ({ rows }) => (rows[0]?.held ?? 0) >= names.length,
      (error: unknown) => {
        reason = (error as Error).message;
        return false;
      },
    );
  if (held) return;
  throw new HoldfastError(
    'RESTORE_FAILED',
    `The session that keeps other restores from "${names.join('", "')}" was lost: ${reason}.`,
    {
      hint: "Nothing was published. Find out what ended it (the server's log), and whether another restore runs (application_name 'holdfast restore'); then run it again.",
    },
  );
}
