import type pg from 'pg';
import type { GlobalRole, GlobalSetting } from './globals.ts';

/** A role as the target has it. */
export interface RoleOnTarget {
  /** As in `GlobalRole`, but for the password. */
  readonly attributes: ReadonlySet<string>;
  readonly settings: ReadonlyMap<string, string>;
}

export interface RoleFacts {
  readonly roles: ReadonlyMap<string, RoleOnTarget>;
  /** `["role","member"]` */
  readonly memberships: ReadonlySet<string>;
}

/** Asks the target for its roles, their attributes, settings and memberships. */
export async function surveyRoles(session: pg.Client): Promise<RoleFacts> {
  const roles = await session.query<{ name: string; attributes: string[]; settings: string[] }>(`
    SELECT rolname::text AS name,
           array_remove(ARRAY[
             CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN NOT rolinherit THEN 'NOINHERIT' END,
             CASE WHEN rolcreaterole THEN 'CREATEROLE' END, CASE WHEN rolcreatedb THEN 'CREATEDB' END,
             CASE WHEN rolcanlogin THEN 'LOGIN' END, CASE WHEN rolreplication THEN 'REPLICATION' END,
             CASE WHEN rolbypassrls THEN 'BYPASSRLS' END,
             CASE WHEN rolconnlimit >= 0 THEN 'CONNECTION LIMIT ' || rolconnlimit END], NULL) AS attributes,
           ARRAY(SELECT unnest(setconfig) FROM pg_db_role_setting
                  WHERE setrole = r.oid AND setdatabase = 0) AS settings
      FROM pg_roles r`);
  const memberships = await session.query<{ pair: string }>(`
    SELECT json_build_array(a.rolname, b.rolname)::text AS pair FROM pg_auth_members m
      JOIN pg_roles a ON a.oid = m.roleid JOIN pg_roles b ON b.oid = m.member`);
  return {
    roles: new Map(
      roles.rows.map(({ name, attributes, settings }) => [
        name,
        {
          attributes: new Set(attributes),
          settings: new Map(settings.map((one) => splitOnce(one, '='))),
        },
      ]),
    ),
    memberships: new Set(
      memberships.rows.map(({ pair }) => JSON.stringify(JSON.parse(pair) as string[])),
    ),
  };
}

/** What the role has in the backup and not on the target, or the other way round; never a password. */
export function differences(
  { attributes }: GlobalRole,
  { attributes: has }: RoleOnTarget,
): string[] {
  const wanted = attributes.filter((one) => !/^(PASSWORD|VALID) /.test(one));
  const lacks = wanted.filter((one) => !has.has(one));
  const more = [...has].filter((one) => !wanted.includes(one));
  return [...lacks, ...more.map((one) => `no ${one}`)];
}

/**
 * Settings that hold lists of names, which the server keeps with quotes and `pg_dumpall` writes apart.
 *
 * @see https://github.com/postgres/postgres/blob/REL_17_STABLE/src/bin/pg_dump/dumputils.c variable_is_guc_list_quote
 */
const LISTS = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'unix_socket_directories',
]);

/** Whether the role has the setting already, with the same value. */
export function hasSetting(
  role: RoleOnTarget | undefined,
  setting: GlobalSetting | undefined,
): boolean {
  if (setting === undefined) return false;
  const { name, values } = setting;
  const has = role?.settings.get(name);
  if (has === undefined) return false;
  const parts = LISTS.has(name.toLowerCase()) ? namesIn(has) : [has];
  return JSON.stringify(parts) === JSON.stringify(values);
}

/** `a, "b ""c"""` */
function namesIn(list: string): string[] {
  return [...list.matchAll(/"((?:[^"]|"")*)"|[^\s,"]+/g)].map(
    ([bare, quoted]) => quoted?.replaceAll('""', '"') ?? bare,
  );
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + 1)];
}
