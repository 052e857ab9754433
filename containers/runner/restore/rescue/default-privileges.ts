import type pg from 'pg';

/** SQL for a transaction, in which objects are made. */
export interface DefaultPrivileges {
  /** From here on what is made has PostgreSQL's own privileges, and no others. */
  readonly setAside: string;
  /** As they were. */
  readonly putBack: string;
}

/**
 * Where the user's default privileges in a database differ from PostgreSQL's: what a dump says of an
 * object's privileges is what differs from PostgreSQL's own, so that these would be added, or missing,
 * without a word.
 *
 * Those of a schema do not matter: what is rescued comes into a new one.
 */
const DIFFERENCES = `
  WITH own AS (
    SELECT CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
                              WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' END AS kind,
           defaclacl AS given,
           acldefault(CASE defaclobjtype WHEN 'S' THEN 's' ELSE defaclobjtype END, defaclrole) AS usual
      FROM pg_default_acl
     WHERE defaclnamespace = 0 AND pg_get_userbyid(defaclrole) = current_user
       AND defaclobjtype IN ('r', 'S', 'f', 'T', 'n')),
  given AS (SELECT kind, one.* FROM own, aclexplode(given) one),
  usual AS (SELECT kind, one.* FROM own, aclexplode(usual) one),
  differing AS (
    (SELECT true AS more, * FROM (TABLE given EXCEPT TABLE usual) more)
    UNION ALL (SELECT false, * FROM (TABLE usual EXCEPT TABLE given) less))
  SELECT more, format('%s ON %s', privilege_type, kind) AS what,
         CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS who,
         CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS option
    FROM differing ORDER BY 1, 2, 3`;

interface Difference {
  readonly more: boolean;
  readonly what: string;
  readonly who: string;
  readonly option: string;
}

/** Asks the database that objects are about to be made in. */
export async function defaultPrivileges(session: pg.Client): Promise<DefaultPrivileges> {
  const { rows } = await session.query<Difference>(DIFFERENCES);
  const more = rows.filter((one) => one.more);
  const less = rows.filter((one) => !one.more);
  return {
    setAside: [...more.map(revoke), ...less.map(grant)].join('\n'),
    putBack: [...less.map(revoke), ...more.map(grant)].join('\n'),
  };
}

function grant({ what, who, option }: Difference): string {
  return `ALTER DEFAULT PRIVILEGES GRANT ${what} TO ${who}${option};`;
}

function revoke({ what, who }: Difference): string {
  return `ALTER DEFAULT PRIVILEGES REVOKE ${what} FROM ${who};`;
}
