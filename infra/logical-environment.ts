import type { DumpFormat, LogicalOptions } from '../contract/logical-options.ts';

/** What a cluster's logical backups take in, and how they are written. */
export interface LogicalEnvironment {
  /**
   * `directory`: by parallel workers, the fastest to back up and to restore. `custom`: one archive.
   * `plain`: SQL. `dumpall`: one SQL of the whole cluster by `pg_dumpall`, which `holdfast restore`
   * cannot take apart.
   * @default 'directory'
   */
  readonly format?: DumpFormat;
  /**
   * Databases to back up: names, or patterns with `*` and `?`. A name that is not on the server fails
   * the backup.
   * @default - all that can be dumped
   */
  readonly databases?: readonly string[];
  /**
   * Databases to leave out: names or patterns.
   * @default - none
   */
  readonly excludeDatabases?: readonly string[];
  /**
   * Schemas to back up, in each database, as `pg_dump --schema` takes them.
   * @default - all
   */
  readonly schemas?: readonly string[];
  /**
   * Schemas to leave out, as `pg_dump --exclude-schema` takes them.
   * @default - none
   */
  readonly excludeSchemas?: readonly string[];
  /**
   * Tables to back up, in each database, as `pg_dump --table` takes them: these, and nothing they need.
   * @default - all
   */
  readonly tables?: readonly string[];
  /**
   * Tables to leave out, as `pg_dump --exclude-table` takes them.
   * @default - none
   */
  readonly excludeTables?: readonly string[];
  /**
   * Tables to back up without their rows, as `pg_dump --exclude-table-data` takes them.
   * @default - none
   */
  readonly excludeTableData?: readonly string[];
  /**
   * Whether to leave out all rows.
   * @default false
   */
  readonly schemaOnly?: boolean;
  /**
   * Whether large objects are backed up.
   * @default - `true`; `false` with `schemaOnly`, `schemas` or `tables`
   */
  readonly largeObjects?: boolean;
  /**
   * How long a table that somebody has locked is waited for. Seconds, 1 to 86400.
   * @default 300
   */
  readonly lockWaitSeconds?: number;
  /**
   * Whether the backup holds the roles' password verifiers. Whoever decrypts it can try passwords
   * against them.
   * @default false
   */
  readonly rolePasswords?: boolean;
}

/** Fills in the defaults. */
export function resolveLogical(given: LogicalEnvironment): LogicalOptions {
  const chosen = (list: readonly string[] | undefined): boolean => (list ?? []).length > 0;
  return {
    ...DEFAULTS,
    largeObjects: !given.schemaOnly && !chosen(given.schemas) && !chosen(given.tables),
    ...given,
    // The contract's lists may be written to.
    ...Object.fromEntries(
      LISTS.map((name) => [
        name,
        Array.isArray(given[name]) ? [...given[name]] : (given[name] ?? []),
      ]),
    ),
  } as LogicalOptions;
}

/** Properties that are lists of names and patterns. */
export const LISTS = [
  'databases',
  'excludeDatabases',
  'schemas',
  'excludeSchemas',
  'tables',
  'excludeTables',
  'excludeTableData',
] as const satisfies readonly (keyof LogicalEnvironment)[];

const DEFAULTS = {
  format: 'directory',
  schemaOnly: false,
  lockWaitSeconds: 300,
  rolePasswords: false,
} as const;
