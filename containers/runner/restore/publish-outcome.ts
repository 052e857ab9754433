import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { HoldfastError } from '../../../contract/errors.ts';
import type { CommitUnanswered, Swap } from './swap-database.ts';
import { type TargetServer, withSession } from './target-connection.ts';

/** How long a server may take to be back, and to end a transaction, milliseconds. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = 500;

export interface OutcomeOptions {
  readonly target: TargetServer;
  /** Database to connect to. */
  readonly home: string;
  /** @default 60_000 milliseconds */
  readonly patience?: number;
}

/**
 * Finds out what became of a swap whose COMMIT was not answered: the server may have committed before
 * its answer was lost, and may even be at it still.
 *
 * @returns whether the databases have their final names.
 * @throws HoldfastError RESTORE_FAILED when the server does not say
 */
export async function waitForOutcome(
  { transaction, message }: CommitUnanswered,
  { target, home, patience = PATIENCE_MS }: OutcomeOptions,
  swaps: readonly Swap[],
): Promise<boolean> {
  const until = Date.now() + patience;
  for (;;) {
    try {
      const outcome = await withSession(target, home, (own) => lookUp(own, transaction, swaps));
      if (outcome !== 'in progress') return outcome === 'published';
      if (Date.now() > until) throw new Error('its transaction is still in progress');
    } catch (error) {
      if (Date.now() > until) throw unknownOutcome(message, error, swaps);
    }
    await sleep(PAUSE_MS);
  }
}

async function lookUp(
  session: pg.Client,
  transaction: string,
  swaps: readonly Swap[],
): Promise<'in progress' | 'published' | 'not published'> {
  const { rows } = await session.query<{ status: string | null }>(
    'SELECT pg_xact_status($1::xid8) AS status',
    [transaction],
  );
  if (rows[0]?.status === 'in progress') return 'in progress';
  const { rows: named } = await session.query<{ oid: number; name: string }>(
    'SELECT oid, datname::text AS name FROM pg_database WHERE oid = ANY ($1::oid[])',
    [swaps.map(({ temporary }) => temporary.oid)],
  );
  const names = new Map(named.map(({ oid, name }) => [oid, name]));
  const published = swaps.every(({ temporary, name }) => names.get(temporary.oid) === name);
  return published ? 'published' : 'not published';
}

function unknownOutcome(lost: string, cause: unknown, swaps: readonly Swap[]): HoldfastError {
  const finals = swaps.map(({ name }) => `"${name}"`).join(', ');
  const oids = swaps.map(({ temporary }) => temporary.oid).join(', ');
  return new HoldfastError(
    'RESTORE_FAILED',
    `Everything was restored, but the answer to the last COMMIT was lost (${lost}), and whether ${finals} took effect is unknown: ${(cause as Error).message}`,
    {
      hint: `Once the server answers, ask it: SELECT datname FROM pg_database WHERE oid IN (${oids}). The final name means that all is done; one that begins with holdfast_restore_ that nothing was changed: run it again, it drops that first.`,
      cause,
    },
  );
}
