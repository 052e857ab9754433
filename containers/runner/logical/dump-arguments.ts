import type { LogicalOptions } from '../../../contract/logical-options.ts';
import { conninfo } from '../keep-alive.ts';
import { compressArgument } from './compress-argument.ts';

/** What every `pg_dump` of one database has in common. */
export interface DumpTarget {
  readonly database: string;
  /** The database's own, as PostgreSQL calls it. */
  readonly encoding: string;
  /** Name of the exported snapshot. */
  readonly snapshot: string;
}

export interface DirectoryTarget extends DumpTarget {
  readonly directory: string;
  readonly jobs: number;
  readonly compression: string;
}

/** `pg_dump` into a directory, by parallel workers. */
export function directoryArguments(options: LogicalOptions, target: DirectoryTarget): string[] {
  return [
    '--format=directory',
    `--file=${target.directory}`,
    `--jobs=${target.jobs}`,
    compressArgument(target.compression),
    // Files are opened once, and not again for an fsync of what is uploaded by then.
    '--no-sync',
    ...filterArguments(options),
    ...commonArguments(options, target),
  ];
}

/** `pg_dump` of one archive, onto its standard output. */
export function customArguments(
  options: LogicalOptions,
  target: DumpTarget & { readonly compression: string },
): string[] {
  return [
    '--format=custom',
    compressArgument(target.compression),
    ...filterArguments(options),
    ...commonArguments(options, target),
  ];
}

/** `pg_dump` of plain SQL onto its standard output, uncompressed: its end has to be seen. */
export function plainArguments(options: LogicalOptions, target: DumpTarget): string[] {
  return ['--format=plain', ...filterArguments(options), ...commonArguments(options, target)];
}

/** The archive beside a plain dump: the same filters and snapshot, no data. */
export function schemaArguments(
  options: LogicalOptions,
  target: DumpTarget & { readonly compression: string },
): string[] {
  return customArguments({ ...options, schemaOnly: true, largeObjects: false }, target);
}

/** `pg_dumpall` of roles, memberships, role settings and tablespaces. */
export function globalsArguments(options: LogicalOptions, database: string): string[] {
  return ['--globals-only', ...allArguments(options, database)];
}

/**
 * `pg_dumpall` of everything.
 *
 * @param excluded names of the databases that are left out, exactly as they are.
 */
export function dumpallArguments(
  options: LogicalOptions,
  database: string,
  excluded: readonly string[],
): string[] {
  return [
    ...excluded.map((name) => `--exclude-database=${literalPattern(name)}`),
    ...(options.schemaOnly ? ['--schema-only'] : []),
    `--lock-wait-timeout=${options.lockWaitSeconds * 1000}`,
    ...allArguments(options, database),
  ];
}

function allArguments({ rolePasswords }: LogicalOptions, database: string): string[] {
  return [
    ...(rolePasswords ? [] : ['--no-role-passwords']),
    '--no-password',
    `--dbname=${conninfo(database)}`,
  ];
}

function filterArguments(options: LogicalOptions): string[] {
  return [
    ...options.schemas.map((pattern) => `--schema=${pattern}`),
    ...options.excludeSchemas.map((pattern) => `--exclude-schema=${pattern}`),
    ...options.tables.map((pattern) => `--table=${pattern}`),
    ...options.excludeTables.map((pattern) => `--exclude-table=${pattern}`),
    ...options.excludeTableData.map((pattern) => `--exclude-table-data=${pattern}`),
    // Of several databases one may have what another has not.
    ...(isOfOne(options) ? ['--strict-names'] : []),
    ...(options.schemaOnly ? ['--schema-only'] : []),
    // Said always: what pg_dump takes by itself depends on the filters. The short names are those
    // that every major knows.
    options.largeObjects ? '-b' : '-B',
  ];
}

/** Whether what is chosen is chosen out of one database: then each pattern has to match something there. */
function isOfOne({
  databases: [first = '*', ...others],
  schemas,
  tables,
}: LogicalOptions): boolean {
  return !/[*?]/.test(first) && others.length === 0 && schemas.length + tables.length > 0;
}

function commonArguments({ lockWaitSeconds }: LogicalOptions, target: DumpTarget): string[] {
  return [
    // Said always: sessions may be set to another, which cannot write all that is in the database.
    `--encoding=${target.encoding}`,
    `--snapshot=${target.snapshot}`,
    `--lock-wait-timeout=${lockWaitSeconds * 1000}`,
    '--no-password',
    `--dbname=${conninfo(target.database)}`,
  ];
}

/** A name as a pattern of PostgreSQL's that matches nothing else: quoted, nothing in it is special. */
function literalPattern(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
