import type pg from 'pg';
import { HoldfastError } from '../../../contract/errors.ts';
import type { DatabaseEntry, LogicalManifest } from '../../../contract/logical-manifest.ts';
import { PG_CRON } from './pg-cron.ts';

/** What is known of the target server once it has been asked. */
export interface TargetFacts {
  readonly major: number;
  readonly version: string;
  readonly superuser: boolean;
  /** The user that connects, where it is no superuser: its sessions may act as nobody else. */
  readonly confinedTo: string | undefined;
  readonly databases: ReadonlySet<string>;
  /** Those that the user may not rename, by their owners' names. */
  readonly ownedByOthers: ReadonlyMap<string, string>;
  /** Those with prepared transactions, which nobody can rename. */
  readonly prepared: ReadonlySet<string>;
  readonly roles: ReadonlySet<string>;
  readonly tablespaces: ReadonlySet<string>;
  readonly extensions: ReadonlySet<string>;
  readonly mayCreateDatabases: boolean;
  readonly inRecovery: boolean;
  /** Whether sessions may write nothing unless they say otherwise. */
  readonly readOnly: boolean;
}

/** Asks the target everything that a refusal may rest on. */
export async function surveyTarget(session: pg.Client): Promise<TargetFacts> {
  const { rows } = await session.query<{
    number: number;
    version: string;
    superuser: boolean;
    confined: string | null;
    createdb: boolean;
    recovery: boolean;
    read_only: boolean;
    databases: string[];
    others: Record<string, string>;
    prepared: string[];
    roles: string[];
    tablespaces: string[];
    extensions: string[];
  }>(`
    SELECT current_setting('server_version_num')::int AS number,
           current_setting('server_version') AS version,
           pg_is_in_recovery() AS recovery,
           current_setting('default_transaction_read_only')::bool AS read_only,
           r.rolsuper AS superuser,
           (SELECT rolname::text FROM pg_roles WHERE rolname = session_user AND NOT rolsuper) AS confined,
           r.rolsuper OR r.rolcreatedb AS createdb,
           ARRAY(SELECT datname::text FROM pg_database) AS databases,
           (SELECT coalesce(json_object_agg(datname, pg_get_userbyid(datdba)), '{}') FROM pg_database
             WHERE NOT r.rolsuper AND NOT pg_has_role(datdba, 'USAGE')) AS others,
           ARRAY(SELECT database::text FROM pg_prepared_xacts) AS prepared,
           ARRAY(SELECT rolname::text FROM pg_roles) AS roles,
           ARRAY(SELECT spcname::text FROM pg_tablespace) AS tablespaces,
           ARRAY(SELECT name::text FROM pg_available_extensions) AS extensions
      FROM pg_roles r WHERE r.rolname = current_user`);
  const [row] = rows;
  if (row === undefined) throw new Error('The target does not know the user that it let in.');
  return {
    major: Math.floor(row.number / 10_000),
    version: row.version,
    superuser: row.superuser,
    confinedTo: row.confined ?? undefined,
    mayCreateDatabases: row.createdb,
    inRecovery: row.recovery,
    readOnly: row.read_only,
    databases: new Set(row.databases),
    ownedByOthers: new Map(Object.entries(row.others)),
    prepared: new Set(row.prepared),
    roles: new Set(row.roles),
    tablespaces: new Set(row.tablespaces),
    extensions: new Set(row.extensions),
  };
}

export interface RestoreAim {
  readonly name: string;
  readonly replace: boolean;
  /** Set where only a part is restored: which extensions that needs is known once the dump is read. */
  readonly chosen?: object | undefined;
}

/**
 * Refuses a server into which nothing of the backup can be restored, before anything is fetched or
 * changed.
 *
 * @throws HoldfastError RESTORE_REFUSED
 */
export function checkServer(target: TargetFacts, manifest: LogicalManifest): void {
  const source = majorOf(manifest.source.serverVersion);
  if (target.major < source) {
    throw refused(
      `The backup is of PostgreSQL ${source}, the target is older (${target.version}).`,
      `Restore into a server of PostgreSQL ${source} or later.`,
    );
  }
  if (target.inRecovery) {
    throw refused('The target is a standby.', 'Give the URI of a primary.');
  }
  if (target.readOnly) {
    throw refused(
      'Sessions on the target may only read (default_transaction_read_only is on).',
      'A provider sets that when the disk is nearly full: make room first. Else lift it for the user: ALTER ROLE … SET default_transaction_read_only = off',
    );
  }
  if (!target.mayCreateDatabases) {
    throw refused(
      'The user may not create databases on the target.',
      'Use a superuser, or grant it: ALTER ROLE … CREATEDB',
    );
  }
}

/**
 * Refuses what would fail later of one database.
 *
 * @throws HoldfastError RESTORE_REFUSED
 */
export function checkDatabase(
  target: TargetFacts,
  database: DatabaseEntry,
  { name, replace, chosen }: RestoreAim,
): void {
  if (target.databases.has(name) && !replace) {
    throw refused(
      `The database "${name}" exists on the target.`,
      'Restore beside it with --into NAME, or in its place with --replace, which keeps the old one under another name.',
    );
  }
  if (target.databases.has(name)) assertMakesWay(target, name);
  if (chosen !== undefined && database.format === 'plain') {
    throw refused(
      'The backup is plain SQL, from which no single table can be taken.',
      'Restore the whole database under another name (--into), and copy the table from there.',
    );
  }
  if (chosen === undefined) {
    assertExtensions(
      target,
      database.name,
      // What is left to be made afterwards is not needed now.
      database.extensions.flatMap(({ name }) => (name === PG_CRON ? [] : name)),
    );
  }
}

/** What would keep the database that is there from its other name, once all is restored. */
function assertMakesWay({ ownedByOthers, prepared }: TargetFacts, name: string): void {
  const owner = ownedByOthers.get(name);
  if (owner !== undefined) {
    throw refused(
      `The database "${name}" belongs to ${owner}: the user may not rename it.`,
      `Restore as ${owner}, as a member of that role, or as a superuser; or restore under another name (--into NAME), or leave this database out.`,
    );
  }
  if (prepared.has(name)) {
    throw refused(
      `The database "${name}" has prepared transactions, with which it cannot be renamed.`,
      'End them first: SELECT gid FROM pg_prepared_xacts, then COMMIT PREPARED or ROLLBACK PREPARED. Or restore under another name (--into NAME), or leave this database out.',
    );
  }
}

/** @throws HoldfastError RESTORE_REFUSED when the target lacks one of these extensions */
export function assertExtensions(
  target: Pick<TargetFacts, 'extensions'>,
  database: string,
  extensions: readonly string[],
): void {
  const missing = extensions.filter((extension) => !target.extensions.has(extension));
  if (missing.length > 0) {
    throw refused(
      `The target lacks extensions that the database "${database}" uses: ${missing.join(', ')}.`,
      "Install their packages on the target's host, or allow them at its provider, then run it again. For --rescue they have to be in the database that it goes into: CREATE EXTENSION",
    );
  }
}

/** Major version out of a text such as `17.11 (Debian 17.11-1)` or `pg_dump (PostgreSQL) 17.11`. */
export function majorOf(version: string): number {
  return Number(/\d+/.exec(version)?.[0] ?? 0);
}

export function refused(message: string, hint: string, cause?: unknown): HoldfastError {
  return new HoldfastError('RESTORE_REFUSED', message, { hint, cause });
}
