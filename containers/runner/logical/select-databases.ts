import { HoldfastError } from '../../../contract/errors.ts';
import type { LogicalOptions } from '../../../contract/logical-options.ts';
import type { NotIncluded } from '../../../contract/manifest-base.ts';
import type { DatabaseSurvey, SourceDatabase } from '../source/databases.ts';

export interface SelectedDatabases {
  readonly included: readonly SourceDatabase[];
  /** All others of the server, with the reason. */
  readonly skipped: readonly NotIncluded[];
  readonly warnings: readonly string[];
}

/**
 * Applies the configuration's names and patterns to what is on the server.
 *
 * @throws HoldfastError SOURCE_DATABASE when a named database is missing or cannot be dumped, or when
 * nothing is left
 */
export function selectDatabases(
  survey: DatabaseSurvey,
  { databases, excludeDatabases }: Pick<LogicalOptions, 'databases' | 'excludeDatabases'>,
): SelectedDatabases {
  const names = survey.included.map(({ name }) => name);
  for (const named of databases.filter((pattern) => !isPattern(pattern))) {
    if (names.includes(named)) continue;
    const reason = survey.skipped.find(({ database }) => database === named)?.why;
    throw new HoldfastError(
      'SOURCE_DATABASE',
      `The database "${named}" is configured to be dumped, but ${reason === undefined ? 'is not on the server' : `cannot be: ${reason}`}.`,
      {
        hint: `Take it out of the cluster's databases, or mend what is wrong with it. To be dumped there are: ${names.join(', ') || 'none'}.`,
      },
    );
  }
  const included: SourceDatabase[] = [];
  const skipped = [...survey.skipped];
  for (const database of survey.included) {
    const { name } = database;
    const why = reasonToLeaveOut(name, databases, excludeDatabases);
    if (why === undefined) included.push(database);
    else skipped.push({ what: `database ${name}`, why, database: name });
  }
  if (included.length === 0) {
    throw new HoldfastError('SOURCE_DATABASE', 'No database is left to be dumped.', {
      hint: `Change the cluster's databases and excludeDatabases. On the server there are: ${names.join(', ') || 'none that can be dumped'}.`,
    });
  }
  return { included, skipped, warnings: warningsAbout(databases, names) };
}

function reasonToLeaveOut(
  name: string,
  databases: readonly string[],
  excludeDatabases: readonly string[],
): string | undefined {
  const excluding = excludeDatabases.find((pattern) => matches(pattern, name));
  if (excluding !== undefined) return `the option excludeDatabases has ${excluding}`;
  if (databases.length === 0 || databases.some((pattern) => matches(pattern, name))) {
    return undefined;
  }
  return 'the option databases does not have it';
}

/** A pattern that matches nothing may be a typing error: it is told, and does not fail the backup. */
function warningsAbout(patterns: readonly string[], names: readonly string[]): string[] {
  return patterns
    .filter((pattern) => !names.some((name) => matches(pattern, name)))
    .map((pattern) => `the option databases has ${pattern}, which matches no database`);
}

function isPattern(text: string): boolean {
  return /[*?]/.test(text);
}

/** `*` stands for any characters, `?` for one; everything else for itself. */
function matches(pattern: string, name: string): boolean {
  const source = pattern
    .replaceAll(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'su').test(name);
}
