import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { quoteName } from './sql-tokens.ts';

const TRIES = 5;
/** `object_in_use`: somebody is still, or again, connected. */
const IN_USE = '55006';

export interface Swap {
  readonly temporary: string;
  readonly name: string;
  /** Where the database that has the name now goes; `undefined` when there is none. */
  readonly aside: string | undefined;
}

/**
 * Gives finished databases their names, and the replaced ones others, in one transaction: all or none,
 * there is no moment without a database of such a name, and no connection lands in the wrong one.
 *
 * Sessions on the replaced databases are ended. They may reconnect before a rename has its lock, so
 * that is tried a few times; once it has, new connections wait for the end of the transaction.
 */
export async function swapDatabases(session: pg.Client, swaps: readonly Swap[]): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await session.query('BEGIN');
      for (const { temporary, name, aside } of swaps) {
        if (aside !== undefined) {
          await session.query(
            'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()',
            [name],
          );
          await session.query(`ALTER DATABASE ${quoteName(name)} RENAME TO ${quoteName(aside)}`);
        }
        await session.query(`ALTER DATABASE ${quoteName(temporary)} RENAME TO ${quoteName(name)}`);
      }
      await session.query('COMMIT');
      return;
    } catch (error) {
      await session.query('ROLLBACK').catch(() => {});
      if ((error as { code?: string }).code !== IN_USE || attempt === TRIES) throw error;
      await sleep(200 * attempt);
    }
  }
}

/** Drops what a run, this one or a killed one, had begun to build; ends its sessions. */
export async function dropTemporary(session: pg.Client, temporary: string): Promise<void> {
  await session.query(`DROP DATABASE IF EXISTS ${quoteName(temporary)} WITH (FORCE)`);
}
