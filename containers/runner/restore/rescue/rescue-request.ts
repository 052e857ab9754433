import type { NotRestored } from '../not-restored.ts';
import type { RestoreRequest } from '../restore-request.ts';
import type { ChosenNames } from '../selection/table-names.ts';

/** Tables to be brought into a database that is in use. */
export interface RescueRequest extends Omit<RestoreRequest, 'into' | 'chosen' | 'replace'> {
  /** The database in use. */
  readonly into: string;
  readonly chosen: ChosenNames;
}

/** A table that was rescued. Names are as SQL writes them. */
export interface RescuedTable {
  /** Where it was, such as `public.invoice`. */
  readonly original: string;
  /** Where it is now, such as `restored_20261120_7f3a9c.invoice`. */
  readonly restored: string;
  /** Counted once it was there; `null` when that failed, and a warning says why. */
  readonly rows: number | null;
}

export interface RescueResult {
  /** Name in the backup. */
  readonly database: string;
  readonly into: string;
  readonly schema: string;
  readonly tables: readonly RescuedTable[];
  /** What has no rows of its own, by kind and name: `VIEW restored_20261120_7f3a9c.open_ones`. */
  readonly others: readonly string[];
  readonly dumpBytes: number;
  readonly notRestored: readonly NotRestored[];
  /** What PostgreSQL's programs warned of. */
  readonly warnings: readonly string[];
  /** SQL that a person would run next, a statement or a comment each. */
  readonly next: readonly string[];
  readonly seconds: Readonly<Record<'fetch' | 'restore' | 'copy' | 'total', number>>;
}
