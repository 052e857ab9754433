import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { HoldfastError } from '../../../contract/errors.ts';
import { quoteName } from './sql-tokens.ts';

const TRIES = 5;
/** `object_in_use`: somebody is still, or again, connected. */
const IN_USE = '55006';

/** `insufficient_privilege`. */
const MAY_NOT = '42501';

/** A temporary database of this run. Another restore may make one of the same name, not of the same id. */
export interface Temporary {
  readonly name: string;
  /** Its object id on the target. */
  readonly oid: number;
}

export interface Swap {
  readonly temporary: Temporary;
  readonly name: string;
  /** Where the database that has the name now goes; `undefined` when there is none. */
  readonly aside: string | undefined;
}

/** COMMIT got no answer, or an error: what became of the transaction has to be looked up. */
export class CommitUnanswered extends Error {
  /** The transaction's id. */
  readonly transaction: string;

  constructor(transaction: string, cause: unknown) {
    super((cause as Error).message, { cause });
    this.name = 'CommitUnanswered';
    this.transaction = transaction;
  }
}

/**
 * Gives finished databases their names, and the replaced ones others, in one transaction: all or none,
 * there is no moment without a database of such a name, and no connection lands in the wrong one.
 *
 * Sessions on all these databases are ended. They may reconnect before a rename has its lock, so
 * that is tried a few times; once it has, new connections wait for the end of the transaction.
 *
 * @throws CommitUnanswered
 */
export async function swapDatabases(session: pg.Client, swaps: readonly Swap[]): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await session.query('BEGIN');
      for (const { temporary, name, aside } of swaps) {
        if (aside !== undefined) {
          await endWhatCanBeEnded(session, name);
          await session.query(`ALTER DATABASE ${quoteName(name)} RENAME TO ${quoteName(aside)}`);
        }
        // Another restore's own are none of our business: that is refused below.
        if ((await oidOf(session, temporary.name)) === temporary.oid) {
          await endWhatCanBeEnded(session, temporary.name);
        }
        await session.query(
          `ALTER DATABASE ${quoteName(temporary.name)} RENAME TO ${quoteName(name)}`,
        );
        // Only now: the rename's lock keeps the name where it is until the transaction ends.
        await assertOurs(session, name, temporary);
      }
      const transaction = await currentTransaction(session);
      await session.query('COMMIT').catch((error: unknown) => {
        throw new CommitUnanswered(transaction, error);
      });
      return;
    } catch (error) {
      if (error instanceof CommitUnanswered) throw error;
      await session.query('ROLLBACK').catch(() => {});
      if ((error as { code?: string }).code !== IN_USE) throw error;
      if (attempt === TRIES) {
        const names = swaps.flatMap(({ temporary, name }) => [temporary.name, name]);
        throw await inUse(session, names, error);
      }
      await sleep(200 * attempt);
    }
  }
}

/**
 * Ends the sessions of users; the server's own workers make way by themselves. Whatever watches all
 * databases of a server has come to look at the new one, too. Whoever may not end one of them, such
 * as a provider's, ends the others and can still hope that it goes.
 */
async function endWhatCanBeEnded(session: pg.Client, database: string): Promise<void> {
  // Within a transaction it is the picture of the first look.
  await session.query('SELECT pg_stat_clear_snapshot()');
  const { rows } = await session.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity
      WHERE datname = $1 AND usesysid IS NOT NULL AND pid <> pg_backend_pid()`,
    [database],
  );
  for (const { pid } of rows) {
    await session.query('SAVEPOINT ending');
    try {
      await session.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND datname = $2',
        [pid, database],
      );
    } catch (error) {
      if ((error as { code?: string }).code !== MAY_NOT) throw error;
      await session.query('ROLLBACK TO SAVEPOINT ending');
    }
  }
}

/** Names who is in what was built, and would lose it by staying there. */
async function inUse(session: pg.Client, names: readonly string[], cause: unknown): Promise<Error> {
  const { rows } = await session.query<{ who: string }>(
    `SELECT DISTINCT format('%s (%s)', coalesce(usename, '?'), application_name) AS who
       FROM pg_stat_activity WHERE datname = ANY ($1) AND pid <> pg_backend_pid() ORDER BY 1`,
    [names],
  );
  const who = rows.map((one) => one.who).join(', ') || 'sessions that are gone by now';
  return new HoldfastError(
    'RESTORE_FAILED',
    `Everything was restored, but could not get its name: ${(cause as Error).message}, by ${who}.`,
    {
      hint: 'Keep them out of databases whose names begin with holdfast_restore_, or restore as a user that may end their sessions (a superuser, or GRANT pg_signal_backend); then run it again.',
      cause,
    },
  );
}

async function assertOurs(session: pg.Client, name: string, temporary: Temporary): Promise<void> {
  const oid = await oidOf(session, name);
  if (oid === temporary.oid) return;
  throw new HoldfastError(
    'RESTORE_FAILED',
    `The temporary database ${temporary.name} is another restore's (object id ${oid}, ours had ${temporary.oid}).`,
    {
      hint: `Nothing was published. Another restore into "${name}" runs, or has run: look what it brought before you run this one again.`,
    },
  );
}

/** `undefined` when there is no database of that name. */
export async function oidOf(session: pg.Client, name: string): Promise<number | undefined> {
  const { rows } = await session.query<{ oid: number }>(
    'SELECT oid FROM pg_database WHERE datname = $1',
    [name],
  );
  return rows[0]?.oid;
}

async function currentTransaction(session: pg.Client): Promise<string> {
  const { rows } = await session.query<{ id: string }>('SELECT pg_current_xact_id()::text AS id');
  if (rows[0] === undefined) throw new Error('The transaction has no id.');
  return rows[0].id;
}

/** Drops what this run had built, unless another restore's has taken the name. */
export async function dropOwn(session: pg.Client, { name, oid }: Temporary): Promise<void> {
  if ((await oidOf(session, name)) === oid) await dropTemporary(session, name);
}

/**
 * Drops, by name, what an earlier run had begun to build; ends its sessions. Only whoever holds the
 * lock of the final name may.
 */
export async function dropTemporary(session: pg.Client, temporary: string): Promise<void> {
  await session.query(`DROP DATABASE IF EXISTS ${quoteName(temporary)} WITH (FORCE)`);
}
