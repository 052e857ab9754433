import type { ChosenNames } from '../containers/runner/restore/selection/table-names.ts';
import type { BackupKind } from '../contract/names.ts';
import { usageError } from './print-error.ts';

export interface RestoreOptions {
  readonly environment: string;
  readonly kind: BackupKind;
  readonly cluster: string;
  readonly label?: string | undefined;
  readonly database?: readonly string[] | undefined;
  readonly all: boolean;
  readonly roles: boolean;
  readonly table?: readonly string[] | undefined;
  readonly schema?: readonly string[] | undefined;
  readonly to?: string | undefined;
  readonly toFile?: string | undefined;
  readonly into?: string | undefined;
  readonly rescue: boolean;
  readonly replace: boolean;
  readonly owner: boolean;
  readonly privileges: boolean;
  readonly tablespaces: boolean;
  readonly role?: string | undefined;
  readonly jobs: number;
  readonly staging?: string | undefined;
  readonly pgBin?: string | undefined;
  readonly ca?: string | undefined;
  readonly json: boolean;
}

/** One database, tables for one in use, or several at once with or without the server's roles. */
export type WhatToRestore =
  | {
      readonly scope: 'one';
      readonly database: string;
      /** @default the whole database */
      readonly chosen: ChosenNames | undefined;
    }
  | {
      readonly scope: 'rescue';
      readonly database: string;
      readonly chosen: ChosenNames;
      /** The database in use. */
      readonly into: string;
    }
  | {
      readonly scope: 'several';
      /** @default all */
      readonly databases: readonly string[] | undefined;
      readonly roles: boolean;
    };

/**
 * Makes sense of the options that choose what is restored.
 *
 * @throws HoldfastError REQUEST_INVALID when they contradict each other, or choose nothing
 */
export function whatToRestore(options: RestoreOptions): WhatToRestore {
  const { all, database = [], into, roles, rescue } = options;
  const [first] = database;
  if (all && first !== undefined) {
    throw usageError('--all and --database exclude each other.', 'Give one of them.');
  }
  if (!all && first === undefined) {
    throw usageError(
      'What to restore was not said.',
      'Give --database NAME, once or more, or --all for the whole server with its roles, or --kind physical with --directory for a whole server out of a base backup.',
    );
  }
  const chosen = chosenOf(options);
  if (rescue) assertRescuable(options, chosen);
  if (!all && database.length === 1 && first !== undefined) {
    if (rescue && chosen !== undefined && into !== undefined) {
      return { scope: 'rescue', database: first, chosen, into };
    }
    return { scope: 'one', database: first, chosen };
  }
  if (into !== undefined || chosen !== undefined) {
    throw usageError(
      '--into, --table and --schema are about one database, and several are to be restored.',
      'Leave them out, or restore one database at a time.',
    );
  }
  return { scope: 'several', databases: all ? undefined : database, roles: all && roles };
}

function chosenOf(options: RestoreOptions): ChosenNames | undefined {
  const { table: tables = [], schema: schemas = [], into, database = [], rescue } = options;
  if (tables.length === 0 && schemas.length === 0) return undefined;
  // Else a part of the database could take the place of the whole.
  if (into === undefined || (!rescue && database.includes(into))) {
    throw usageError(
      'Where to put single tables was not said.',
      'Give --into NAME, a database of its own for them, from where they can be copied; or with --rescue the one in use.',
    );
  }
  return { tables, schemas };
}

function assertRescuable({ replace }: RestoreOptions, chosen: ChosenNames | undefined): void {
  if (chosen === undefined) {
    throw usageError(
      '--rescue is about single tables, and none was named.',
      'Give --table NAME or --schema NAME, once or more.',
    );
  }
  if (replace) {
    throw usageError(
      '--rescue and --replace exclude each other: a rescue touches nothing that is there.',
      'Leave out one of them.',
    );
  }
}
