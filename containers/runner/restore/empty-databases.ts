import type pg from 'pg';
import type { RestoreResult } from './restore-request.ts';
import { quoteName } from './sql-tokens.ts';
import { type TargetServer, withSession } from './target-connection.ts';

/** The first object id that is given after initdb. */
const FIRST_OWN = 16_384;

/** Objects that initdb made in every database, and their rights; information_schema's are not recorded. */
const RIGHTS = [
  ['pg_class', 'relacl', 'relnamespace'],
  ['pg_proc', 'proacl', 'pronamespace'],
  ['pg_type', 'typacl', 'typnamespace'],
  ['pg_namespace', 'nspacl', 'oid'],
  ['pg_language', 'lanacl', undefined],
] as const;

/**
 * Which of these databases are as initdb made them: those that come with a new server. Whatever
 * somebody made or changed in one, or set, granted or wrote for it, it is not one of them.
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
    if (await withSession(target, name, isUntouched)) empty.add(name);
  }
  return empty;
}

async function isUntouched(session: pg.Client): Promise<boolean> {
  const { rows: catalogs } = await session.query<{ name: string }>(`
    SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' AND NOT c.relisshared
       AND a.attname = 'oid' AND has_table_privilege(c.oid, 'SELECT')`);
  const found = [
    ...catalogs.map(({ name }) => `FROM ${name} WHERE oid >= ${FIRST_OWN} ${exceptOf(name)}`),
    ...RIGHTS.map(changedRights),
    // Rights on columns: initdb's are recorded, too.
    `FROM pg_attribute a LEFT JOIN pg_init_privs p ON p.objoid = attrelid AND p.objsubid = attnum
        AND p.classoid = 'pg_class'::regclass
      WHERE attacl IS NOT NULL AND attacl IS DISTINCT FROM p.initprivs`,
    // Owners and rights of roles that initdb did not make, on anything in it, and on itself.
    `FROM pg_shdepend s, here WHERE s.dbid = here.oid
        OR s.dbid = 0 AND s.classid = 'pg_database'::regclass AND s.objid = here.oid`,
    'FROM pg_db_role_setting s, here WHERE s.setdatabase = here.oid',
    'FROM pg_subscription s, here WHERE s.subdbid = here.oid',
    'FROM pg_seclabel',
    `FROM pg_shseclabel s, here WHERE s.classoid = 'pg_database'::regclass AND s.objoid = here.oid`,
    `FROM here WHERE oid >= ${FIRST_OWN} OR datdba <> 10 OR datacl IS NOT NULL OR datistemplate
        OR datconnlimit <> -1 OR dattablespace <> 1663
        OR shobj_description(oid, 'pg_database') <> 'default administrative connection database'`,
  ];
  const { rows } = await session.query<{ touched: boolean }>(
    `WITH here AS (SELECT * FROM pg_database WHERE datname = current_database())
     SELECT ${found.map((one) => `EXISTS (SELECT ${one})`).join('\n OR ')}
         OR NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'plpgsql')
         OR NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public'
              AND obj_description(oid, 'pg_namespace') = 'standard public schema') AS touched`,
  );
  return rows[0]?.touched === false;
}

/** Sessions that make temporary tables leave their schemas. */
function exceptOf(catalog: string): string {
  return catalog === 'pg_namespace' ? "AND nspname !~ '^pg_(toast_)?temp_'" : '';
}

function changedRights([catalog, rights, schema]: (typeof RIGHTS)[number]): string {
  const elsewhere =
    schema === undefined
      ? ''
      : `AND o.${schema} NOT IN (SELECT oid FROM pg_namespace WHERE nspname = 'information_schema')`;
  return `FROM ${catalog} o LEFT JOIN pg_init_privs p ON p.objoid = o.oid AND p.objsubid = 0
      AND p.classoid = '${catalog}'::regclass
    WHERE ${rights} IS DISTINCT FROM p.initprivs ${elsewhere}`;
}

/**
 * Drops what gave way because it was empty, unless something has been made in it meanwhile. Whatever
 * keeps it from that is told, and leaves it under the name that it now has: everything is published.
 *
 * @returns what was published, and the names of those that are gone.
 */
export async function dropReplaced(
  target: TargetServer,
  home: string,
  published: readonly RestoreResult[],
  empty: ReadonlySet<string>,
): Promise<{ readonly databases: RestoreResult[]; readonly dropped: string[] }> {
  const dropped: string[] = [];
  const databases: RestoreResult[] = [];
  for (const result of published) {
    const { name, keptAs, warnings } = result;
    if (keptAs === undefined || !empty.has(name)) {
      databases.push(result);
      continue;
    }
    try {
      const gone = await dropIfEmpty(target, home, keptAs);
      if (gone) dropped.push(name);
      databases.push(gone ? { ...result, keptAs: undefined } : result);
    } catch (error) {
      const warning = `what was there held nothing, and could not be dropped: ${(error as Error).message}`;
      databases.push({ ...result, warnings: [...warnings, warning] });
    }
  }
  return { databases, dropped };
}

async function dropIfEmpty(target: TargetServer, home: string, name: string): Promise<boolean> {
  if (!(await withSession(target, name, isUntouched))) return false;
  await withSession(target, home, async (session) => {
    await session.query(`DROP DATABASE ${quoteName(name)}`);
  });
  return true;
}
