import type pg from 'pg';
import type { NotIncluded } from '../../../contract/manifest-base.ts';

/** A database to be dumped. */
export interface SourceDatabase {
  readonly name: string;
  readonly oid: number;
  readonly sizeBytes: number;
  readonly owner: string;
  readonly encoding: string;
  readonly collate: string;
  readonly ctype: string;
  /** `libc`, `icu`, or `builtin`. */
  readonly localeProvider: string;
  /** ICU's or the built-in provider's; `null` where `collate` says it all. */
  readonly locale: string | null;
  /** Of the provider's sort order: when the database was made, and on the server now; `null`: it has none. */
  readonly collationVersion: { readonly recorded: string | null; readonly actual: string | null };
}

export interface DatabaseSurvey {
  readonly included: readonly SourceDatabase[];
  readonly skipped: readonly NotIncluded[];
}

/** Initdb's own; any other template was made by somebody. */
const INITDBS_TEMPLATES = `'template0', 'template1'`;

/** Databases that belong to a managed service, which lets nobody read them. */
const PROVIDERS_OWN = ['rdsadmin', 'cloudsqladmin', 'azure_maintenance', 'azure_sys', '_aiven'];

const DATABASES = `
  select datname as name, oid::int8 as oid, datallowconn, datconnlimit, datistemplate,
         has_database_privilege(oid, 'CONNECT') as may_connect,
         case when has_database_privilege(oid, 'CONNECT') then pg_database_size(oid) end as size,
         pg_get_userbyid(datdba) as owner, pg_encoding_to_char(encoding) as encoding,
         datcollate as collate, datctype as ctype,
         case datlocprovider when 'c' then 'libc' when 'i' then 'icu' when 'b' then 'builtin'
              else datlocprovider::text end as locale_provider,
         -- Another name before 17.
         coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale') as locale,
         datcollversion as recorded, pg_database_collation_actual_version(oid) as actual
    from pg_database d
   where not (datistemplate and datname in (${INITDBS_TEMPLATES})) order by datname`;

/** All databases that can be dumped, and why the others cannot. */
export async function findDatabases(client: pg.Client): Promise<DatabaseSurvey> {
  const { rows } = await client.query(DATABASES);
  const included: SourceDatabase[] = [];
  const skipped: NotIncluded[] = [];
  for (const row of rows) {
    const why = reasonToSkip(row);
    if (why !== undefined) skipped.push({ what: `database ${row.name}`, why, database: row.name });
    else {
      included.push({
        name: row.name,
        oid: Number(row.oid),
        sizeBytes: Number(row.size ?? 0),
        owner: row.owner,
        encoding: row.encoding,
        collate: row.collate,
        ctype: row.ctype,
        localeProvider: row.locale_provider,
        locale: row.locale,
        collationVersion: { recorded: row.recorded, actual: row.actual },
      });
    }
  }
  return { included, skipped };
}

function reasonToSkip(row: {
  name: string;
  datallowconn: boolean;
  datconnlimit: number;
  datistemplate: boolean;
  may_connect: boolean;
}): string | undefined {
  if (PROVIDERS_OWN.includes(row.name)) return "the managed service's own";
  // A DROP DATABASE that was interrupted leaves this mark.
  if (row.datconnlimit === -2) return 'invalid: dropping it was interrupted';
  if (row.datistemplate) return 'it is a template';
  if (!row.datallowconn) return 'it allows no connections';
  if (!row.may_connect) return 'the role has no CONNECT privilege on it';
  return undefined;
}
