import { setTimeout as sleep } from 'node:timers/promises';
import { asHoldfastError } from '../../../contract/errors.ts';
import { parseLsn } from '../../../contract/wal-segments.ts';
import type { Reach } from '../backup-run.ts';
import type { Log } from '../log.ts';
import type { Candidate, ChosenSource } from '../source/choose-source.ts';
import { whereabouts } from '../source/connection-error.ts';
import { inSession } from '../source/in-session.ts';
import { type Access, addressesOf } from '../source/server.ts';

/** How long a standby may take to replay what the primary has just written, ms. */
const REPLAY_WITHIN_MS = 60_000;
const POLL_MS = 200;

const MAY_CHECKPOINT = `
  select not pg_is_in_recovery() as primary,
         (select system_identifier::text from pg_control_system()) as system,
         (select rolsuper from pg_roles where rolname = current_user)
           or pg_has_role('pg_checkpoint', 'USAGE') as granted`;

/**
 * Makes a checkpoint on the primary, where the role may and its URI is known, and waits until the source
 * has replayed it: its next backup begins there at the earliest.
 *
 * @returns whether that was done.
 */
export async function checkpointPrimary(
  source: ChosenSource,
  { candidates, access }: Reach,
  log: Log,
  signal: AbortSignal,
): Promise<boolean> {
  for (const { target, uriIndex } of candidates) {
    if (target === source.server.target) continue;
    const lsn = await tryCheckpoint(source, { target, uriIndex }, access).catch(
      (error: unknown) => {
        // It only spares waiting for the server's own next one.
        const { code, message } = asHoldfastError(error);
        log.warn('checkpoint not made', { server: whereabouts({ target }), code, reason: message });
      },
    );
    if (lsn === undefined) continue;
    log.info('checkpoint made', { server: whereabouts({ target }), lsn });
    return await replayed(source, lsn, signal);
  }
  return false;
}

/** @returns where the primary's WAL ends after it; `undefined`: it is no primary, or the role may not. */
async function tryCheckpoint(
  source: ChosenSource,
  { target, uriIndex }: Candidate,
  access: Access,
): Promise<string | undefined> {
  const [address] = await addressesOf(target.host);
  if (address === undefined) return undefined;
  return await inSession({ target, uriIndex, address, ...access }, async (client) => {
    const { rows } = await client.query(MAY_CHECKPOINT);
    const { primary, system, granted } = rows[0];
    if (!primary || !granted || system !== source.survey.systemIdentifier) return undefined;
    await client.query('checkpoint');
    const after = await client.query('select pg_current_wal_flush_lsn()::text as lsn');
    return after.rows[0].lsn as string;
  });
}

async function replayed(source: ChosenSource, lsn: string, signal: AbortSignal): Promise<boolean> {
  const deadline = Date.now() + REPLAY_WITHIN_MS;
  return await inSession(source.server, async (client) => {
    for (;;) {
      const { rows } = await client.query<{ done: boolean | null }>(
        'select pg_last_wal_replay_lsn() >= $1::pg_lsn as done',
        [lsn],
      );
      if (rows[0]?.done === true) return true;
      if (Date.now() > deadline) return false;
      await sleep(POLL_MS, undefined, { signal });
    }
  });
}

/** How often the source makes a checkpoint at least while something is written, seconds. */
export async function checkpointTimeout({ server }: ChosenSource): Promise<number> {
  return await inSession(server, async (client) => {
    const { rows } = await client.query<{ seconds: number }>(
      `select setting::int as seconds from pg_settings where name = 'checkpoint_timeout'`,
    );
    return rows[0]?.seconds ?? 300;
  });
}

/**
 * Whether a standby has replayed the end of a transaction that ended after a moment, by the primary's clock.
 *
 * @param at ISO 8601.
 */
export async function committedSince({ server }: ChosenSource, at: string): Promise<boolean> {
  return await inSession(server, async (client) => {
    const { rows } = await client.query<{ newer: boolean | null }>(
      'select pg_last_xact_replay_timestamp() > $1::timestamptz as newer',
      [at],
    );
    return rows[0]?.newer === true;
  });
}

/**
 * What holds the WAL's summaries against a parent that starts there.
 *
 * @returns a sentence; `undefined` where they reach back far enough, or where none is there yet.
 */
export async function summariesLack(
  { server }: ChosenSource,
  start: { readonly lsn: string; readonly timeline: number },
): Promise<string | undefined> {
  return await inSession(server, async (client) => {
    const { rows } = await client.query<{ first: string | null; reached: string | null }>(
      `select min(start_lsn)::text as first,
              (select summarized_lsn::text from pg_get_wal_summarizer_state()) as reached
         from pg_available_wal_summaries() where tli = $1`,
      [start.timeline],
    );
    const { first = null, reached = null } = rows[0] ?? {};
    const oldest = first ?? reached;
    // It begins with the oldest WAL that is there: what is to be summarized yet is waited for.
    if (oldest === null || parseLsn(oldest) <= parseLsn(start.lsn) || parseLsn(oldest) === 0n) {
      return undefined;
    }
    return `the server's WAL summaries begin at ${oldest}, after ${start.lsn} where the parent starts (wal_summary_keep_time)`;
  });
}
