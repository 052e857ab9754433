import type pg from 'pg';
import { quoteName } from './sql-tokens.ts';
import { type TargetServer, withSession } from './target-connection.ts';

/** Catalogs of what people make in a database; whatever else there is depends on one of these. */
const CATALOGS = [
  'pg_class',
  'pg_proc',
  'pg_type',
  'pg_namespace',
  'pg_extension',
  'pg_largeobject_metadata',
  'pg_publication',
  'pg_event_trigger',
  'pg_foreign_data_wrapper',
  'pg_default_acl',
  'pg_operator',
  'pg_cast',
  'pg_collation',
  'pg_conversion',
  'pg_language',
  'pg_ts_config',
  'pg_ts_dict',
];

/**
 * Which of these databases hold nothing that anybody made: those that come with a new server.
 *
 * @see https://www.postgresql.org/docs/17/system-catalog-initial-data.html Object ids from 16384 on
 * are given to what is made after initdb.
 */
export async function emptyDatabases(
  target: TargetServer,
  names: readonly string[],
): Promise<Set<string>> {
  const empty = new Set<string>();
  for (const name of names) {
    if (await withSession(target, name, isEmpty)) empty.add(name);
  }
  return empty;
}

async function isEmpty(session: pg.Client): Promise<boolean> {
  const anything = CATALOGS.map((catalog) =>
    catalog === 'pg_namespace'
      ? "EXISTS (SELECT FROM pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_(toast_)?temp_')"
      : `EXISTS (SELECT FROM ${catalog} WHERE oid >= 16384)`,
  );
  const { rows } = await session.query<{ anything: boolean }>(
    `SELECT ${anything.join(' OR ')} OR EXISTS (
       SELECT FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
        WHERE datname = current_database()) AS anything`,
  );
  return rows[0]?.anything === false;
}

/**
 * Drops a database that was found to be empty and now has another name, unless something has been
 * made in it meanwhile.
 *
 * @returns whether it is gone.
 */
export async function dropIfEmpty(
  target: TargetServer,
  home: string,
  name: string,
): Promise<boolean> {
  if (!(await withSession(target, name, isEmpty))) return false;
  await withSession(target, home, async (session) => {
    await session.query(`DROP DATABASE ${quoteName(name)}`);
  });
  return true;
}
