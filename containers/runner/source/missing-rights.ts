import type pg from 'pg';
import { HoldfastError } from '../../../contract/errors.ts';

/** How many objects an error names. */
const NAMED = 5;

/** Tables and sequences whose content pg_dump reads; members of extensions are not dumped. */
const DUMPED_RELATIONS = `
  select c.oid, c.relkind, n.oid as schema, format('%I.%I', n.nspname, c.relname) as name, c.relrowsecurity
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'S') and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
     and not exists (select from pg_depend d
                      where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')`;

const UNREADABLE = `
  select name from (${DUMPED_RELATIONS}) r
   where not has_schema_privilege(schema, 'USAGE')
      or case when relkind = 'S' then not has_sequence_privilege(oid, 'SELECT')
              else not has_table_privilege(oid, 'SELECT') end
   order by name`;

/** pg_dump refuses to read what row security would filter. */
const FILTERED = `
  select name from (${DUMPED_RELATIONS}) r
   where relkind <> 'S' and relrowsecurity and row_security_active(oid) order by name`;

const UNREADABLE_LARGE_OBJECTS = `
  select oid::text as name from pg_largeobject_metadata
   where not pg_has_role(lomowner, 'USAGE')
     and not exists (select from aclexplode(lomacl) a
                      where a.privilege_type = 'SELECT'
                        and (a.grantee = 0 or pg_has_role(a.grantee, 'USAGE')))
   order by oid`;

const CHECKS = [
  {
    sql: UNREADABLE,
    what: 'tables or sequences that it may not read',
    fix: (role: string) => `GRANT pg_read_all_data TO ${role};`,
  },
  {
    sql: FILTERED,
    what: 'tables whose rows row security hides from it',
    fix: (role: string) => `ALTER ROLE ${role} BYPASSRLS;`,
  },
  {
    sql: UNREADABLE_LARGE_OBJECTS,
    what: 'large objects that it may not read, which pg_read_all_data does not cover',
    fix: (role: string) => `GRANT SELECT ON LARGE OBJECT <oid> TO ${role};`,
  },
] as const;

/**
 * Finds out, before anything is dumped, what pg_dump would stumble over later.
 *
 * @returns which rights are missing, and the statements that give them; `undefined` if none.
 */
export async function findMissingRights(
  client: pg.Client,
  database: string,
): Promise<HoldfastError | undefined> {
  const { rows } = await client.query<{ superuser: boolean; role: string }>(
    'select rolsuper as superuser, quote_ident(rolname) as role from pg_roles where rolname = current_user',
  );
  const me = rows[0];
  if (me === undefined || me.superuser) return undefined;
  const found: string[] = [];
  const fixes: string[] = [];
  for (const { sql, what, fix } of CHECKS) {
    const { rows: objects } = await client.query<{ name: string }>(sql);
    if (objects.length === 0) continue;
    const named = objects.slice(0, NAMED).map(({ name }) => name);
    const more = objects.length > NAMED ? ` and ${objects.length - NAMED} more` : '';
    found.push(`${what}: ${named.join(', ')}${more}`);
    fixes.push(fix(me.role));
  }
  if (found.length === 0) return undefined;
  return new HoldfastError(
    'SOURCE_RIGHTS',
    `In database ${database} the role ${me.role} meets ${found.join('; ')}.`,
    { hint: `Run on the primary, in that database: ${fixes.join(' ')}` },
  );
}

/**
 * User mappings whose options (such as the password on the other server) pg_dump leaves out without
 * a word: those of others, for whoever is no superuser. A role that may not even see whether a
 * mapping has options counts each of them.
 */
export async function countHiddenUserMappings(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ readable: boolean }>(
    `select has_table_privilege('pg_user_mapping', 'select') as readable`,
  );
  const hasOptions =
    rows[0]?.readable === true
      ? 'exists (select from pg_user_mapping m where m.oid = umid and m.umoptions is not null)'
      : 'not (select rolsuper from pg_roles where rolname = current_user)';
  const { rows: counts } = await client.query<{ count: number }>(
    `select count(*)::int as count from pg_user_mappings where umoptions is null and ${hasOptions}`,
  );
  return counts[0]?.count ?? 0;
}
