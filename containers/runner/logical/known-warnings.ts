import type { NotIncluded } from '../../../contract/manifest-base.ts';

/** Warnings of `pg_dump` and `pg_dumpall` by which something is left out of the dump, with exit status 0. */
const LEFT_OUT: readonly (readonly [
  RegExp,
  (...found: string[]) => Omit<NotIncluded, 'database'>,
])[] = [
  [
    /^subscriptions not dumped because current user is not a superuser/,
    () => ({ what: 'subscriptions', why: 'only a superuser may read them' }),
  ],
  [
    /^typtype of data type "(.*)" appears to be invalid/,
    (name) => ({ what: `the type ${name}`, why: 'pg_dump cannot make sense of it' }),
  ],
  [
    /^aggregate function (.*) could not be dumped correctly for this database version; ignored/,
    (name) => ({ what: `the aggregate ${name}`, why: 'pg_dump cannot make sense of it' }),
  ],
  [
    /^role name starting with "pg_" skipped \((.*)\)/,
    (name) => ({ what: `the role ${name}`, why: 'names that start with pg_ are reserved' }),
  ],
  [
    /^ignoring role grant for missing role with OID (.*)/,
    (oid) => ({ what: `a membership of the role ${oid}`, why: 'the role is missing' }),
  ],
];

export interface SortedWarnings {
  readonly notIncluded: readonly NotIncluded[];
  /** Those that nobody knew before: somebody has to look at them. */
  readonly unknown: readonly string[];
}

/**
 * Tells the warnings that mean that something is missing from those that mean anything else.
 *
 * @param database where they come from; none for what concerns the whole server.
 */
export function sortWarnings(warnings: readonly string[], database?: string): SortedWarnings {
  const notIncluded: NotIncluded[] = [];
  const unknown: string[] = [];
  for (const warning of warnings) {
    const known = leftOut(warning);
    if (known === undefined)
      unknown.push(database === undefined ? warning : `${database}: ${warning}`);
    else notIncluded.push(database === undefined ? known : { ...known, database });
  }
  return { notIncluded, unknown };
}

function leftOut(warning: string): NotIncluded | undefined {
  for (const [words, describe] of LEFT_OUT) {
    const match = words.exec(warning);
    if (match !== null) return describe(...match.slice(1));
  }
  return undefined;
}
