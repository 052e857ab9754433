import { HoldfastError } from '../../../contract/errors.ts';
import type { RewrittenTable } from '../source/rewritten-tables.ts';
import type { Snapshot } from '../source/snapshot.ts';
import type { CompletenessProof } from './stream-dump.ts';

/** How many tables an error names. */
const NAMED = 5;

/**
 * Looks once, when a dump prints its first bytes, which tables are not what its snapshot shows. By then
 * it holds a lock on each of its tables: what it waited for has been done, and nothing comes after.
 */
export class RewrittenProof implements CompletenessProof {
  readonly #snapshot: Pick<Snapshot, 'rewritten'>;
  #rewritten: readonly RewrittenTable[] | undefined;

  constructor(snapshot: Pick<Snapshot, 'rewritten'>) {
    this.#snapshot = snapshot;
  }

  async take(): Promise<void> {
    this.#rewritten ??= await this.#snapshot.rewritten();
  }

  async conclude(): Promise<void> {
    // Which tables are in the dump is known to the caller, after its end.
  }

  /** @throws RowsUnseen SOURCE_CHANGED when one of these is among them */
  assertNone(database: string, dumped: ReadonlySet<number>): void {
    assertRowsSeen(database, this.#rewritten ?? [], dumped);
  }
}

/** The dump can be begun anew: nothing of it is of use. */
export class RowsUnseen extends HoldfastError {}

/**
 * A transaction that truncates a table and fills it anew keeps a dump waiting for its lock; when it
 * comes, the dump's snapshot shows neither the rows that were there nor the new ones, and pg_dump writes an
 * empty table, with exit status 0.
 *
 * @param dumped object ids of the tables whose rows are in the dump.
 * @throws RowsUnseen SOURCE_CHANGED
 */
export function assertRowsSeen(
  database: string,
  rewritten: readonly RewrittenTable[],
  dumped: ReadonlySet<number>,
): void {
  const unseen = rewritten.filter(({ oid }) => dumped.has(oid)).map(({ name }) => name);
  if (unseen.length === 0) return;
  const more = unseen.length > NAMED ? ` and ${unseen.length - NAMED} more` : '';
  throw new RowsUnseen(
    'SOURCE_CHANGED',
    `In database ${database} tables were truncated, rewritten or replaced while the dump began, and its snapshot shows none of their rows: ${unseen.slice(0, NAMED).join(', ')}${more}.`,
    {
      hint: 'Nothing was published. Run the backup again, and let it begin at another time than what loads these tables anew; tables whose rows nobody misses can be named in excludeTableData.',
    },
  );
}
