import type { PostgresServer } from './servers/postgres.ts';

/** Part of any dump that differs from run to run, unless it is given. */
const RESTRICT_KEY = '--restrict-key=fidelity';

/**
 * A schema as `pg_dump -s` writes it, byte by byte.
 *
 * @param create whether the database's own statements are in it; they hold its name.
 * @param tables patterns, when it is not all.
 * @param without a pattern of schemas that are left out.
 */
export async function schemaOf(
  server: PostgresServer,
  database: string,
  {
    create = false,
    tables = [],
    without,
  }: {
    readonly create?: boolean;
    readonly tables?: readonly string[];
    readonly without?: string;
  } = {},
): Promise<string> {
  const args = ['pg_dump', '--schema-only', RESTRICT_KEY, ...(create ? ['--create'] : [])];
  args.push(...tables.map((table) => `--table=${table}`));
  if (without !== undefined) args.push(`--exclude-schema=${without}`);
  return await printed(server, args, database);
}

/** A schema as the backup's role may see it, without what the manifest says is left out. */
export function dumpable(schema: string): string {
  return schema.replaceAll(/(CREATE USER MAPPING [^;]*?) OPTIONS \([^;]*\);/g, '$1;');
}

/** Roles, memberships, tablespaces and rights on settings, as `pg_dumpall` writes them. */
export async function globalsOf(server: PostgresServer): Promise<string> {
  const args = ['pg_dumpall', '--globals-only', '--no-role-passwords', RESTRICT_KEY];
  return await printed(server, args, 'postgres');
}

/** Through the server's own socket, past its password; encoded on the way, because not all is UTF-8. */
async function printed(
  server: PostgresServer,
  args: readonly string[],
  database: string,
): Promise<string> {
  const script =
    'set -o pipefail; PATH=$(echo /usr/lib/postgresql/*/bin):$PATH; PGDATABASE=$1; shift; "$@" | base64 -w 0';
  const { stdout } = await server.exec([
    ...['env', 'PGHOST=/run/postgresql', `PGPORT=${server.port}`, 'PGUSER=postgres'],
    // What a database sets for its sessions must not decide how it is read.
    'PGOPTIONS=-c default_transaction_isolation=read\\ committed',
    ...['bash', '-c', `export PGDATABASE; ${script}`, 'bash', database, ...args],
  ]);
  return Buffer.from(stdout, 'base64').toString('latin1');
}

/** One row for each of a database's tables, sequences, materialized views and large objects. */
const DATA = `
  with relation as (
    select c.relkind, c.relispopulated, encode(convert_to(format('%I.%I', n.nspname, c.relname), 'SQL_ASCII'), 'escape') as name,
           case c.relkind when 'S' then format('select last_value || '' '' || is_called as m from %s', c.oid::regclass)
           else format('select count(*) || '' '' || coalesce(md5(string_agg(md5(t::text), '''' order by md5(t::text) collate "C")), '''') as m from only %s t', c.oid::regclass) end as query
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'm', 'S') and c.relpersistence = 'p'
       and n.nspname not in ('pg_catalog', 'information_schema'))
  select 'relation ' || name || ': ' ||
         case when relispopulated then (xpath('//m/text()', query_to_xml(query, true, false, '')))[1]::text else 'not filled' end as line
    from relation
  union all
  select format('large object %s: %s %s %s %s', m.oid, pg_get_userbyid(m.lomowner), m.lomacl, md5(lo_get(m.oid)), obj_description(m.oid, 'pg_largeobject'))
    from pg_largeobject_metadata m
   order by 1`;

/** Counts and checksums of all that a database holds. Equal lines, equal data. */
export async function dataOf(server: PostgresServer, database: string): Promise<string[]> {
  return (await ask(server, DATA, database)).map(({ line }) => String(line));
}

/** The database itself: encoding, locale, owner, grants, comment, limits, settings; not its name. */
export async function propertiesOf(server: PostgresServer, database: string): Promise<unknown> {
  const name = `'${database.replaceAll("'", "''")}'`;
  const [row] = await ask(
    server,
    `select to_jsonb(d) - '{oid,datname,datdba,dattablespace,datfrozenxid,datminmxid}'::text[] as itself,
            pg_get_userbyid(d.datdba) as owner, shobj_description(d.oid, 'pg_database') as comment,
            (select spcname from pg_tablespace t where t.oid = d.dattablespace) as tablespace,
            array(select format('%s: %s', setrole::regrole, setting) from pg_db_role_setting s, unnest(setconfig) setting
                   where s.setdatabase = d.oid order by 1) as settings
       from pg_database d where datname = ${name}`,
    'postgres',
  );
  if (row === undefined) throw new Error(`There is no database ${database}.`);
  return row;
}

async function ask(
  server: PostgresServer,
  sql: string,
  database: string,
): Promise<Record<string, unknown>[]> {
  const { rows } = await server.query(`${PLAINLY}; ${sql}`, { database }).then(lastOf);
  return rows;
}

/** What a database sets for its sessions must not decide how it is read. */
const PLAINLY = `begin isolation level repeatable read read only; set local statement_timeout = 0;
  set local idle_in_transaction_session_timeout = 0; set local datestyle = iso; set local extra_float_digits = 1; set local search_path = pg_catalog`;

/** `pg` answers several statements with several results, whatever its types say. */
function lastOf(result: unknown): { rows: Record<string, unknown>[] } {
  return (result as { rows: Record<string, unknown>[] }[]).at(-1) ?? { rows: [] };
}
