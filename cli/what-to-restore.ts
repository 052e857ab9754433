import { usageError } from './print-error.ts';

export interface RestoreOptions {
  readonly environment: string;
  readonly cluster: string;
  readonly label?: string | undefined;
  readonly database?: readonly string[] | undefined;
  readonly all: boolean;
  readonly roles: boolean;
  readonly to?: string | undefined;
  readonly toFile?: string | undefined;
  readonly into?: string | undefined;
  readonly replace: boolean;
  readonly owner: boolean;
  readonly jobs: number;
  readonly staging?: string | undefined;
  readonly pgBin?: string | undefined;
  readonly ca?: string | undefined;
  readonly json: boolean;
}

/** One database, or several at once with or without the server's roles. */
export type WhatToRestore =
  | { readonly scope: 'one'; readonly database: string }
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
export function whatToRestore({ all, database = [], into, roles }: RestoreOptions): WhatToRestore {
  const [first] = database;
  if (all && first !== undefined) {
    throw usageError('--all and --database exclude each other.', 'Give one of them.');
  }
  if (!all && first === undefined) {
    throw usageError(
      'What to restore was not said.',
      'Give --database NAME, once or more, or --all for the whole server with its roles.',
    );
  }
  if (!all && database.length === 1 && first !== undefined) {
    return { scope: 'one', database: first };
  }
  if (into !== undefined) {
    throw usageError(
      '--into names one database, and several are to be restored.',
      'Leave out --into, or restore one database at a time.',
    );
  }
  return { scope: 'several', databases: all ? undefined : database, roles: all && roles };
}
