import type pg from 'pg';
import type { NotIncluded } from '../../../contract/manifest-base.ts';
import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import type { ChosenSource } from '../source/choose-source.ts';
import { inSession } from '../source/in-session.ts';
import { surveyWarnings } from '../source/preflight-warnings.ts';
import { surveyServerFacts } from '../source/server-facts.ts';

/** A tablespace beside the data directory. */
export interface SourceTablespace {
  readonly oid: number;
  readonly name: string;
  readonly location: string;
}

/** What a server says before a base backup of it begins. */
export interface BaseSurvey extends Pick<PhysicalManifest, 'server' | 'databases'> {
  readonly warnings: readonly string[];
  readonly notIncluded: readonly NotIncluded[];
  /** Whether a temporary slot can be had. */
  readonly slot: boolean;
  /** By the server's clock. */
  readonly at: Date;
}

const DATABASES = `
  select datname as name, oid::int8::text as oid,
         case when has_database_privilege(oid, 'CONNECT') or pg_has_role('pg_read_all_stats', 'USAGE')
              then pg_database_size(oid) else 0 end::text as size
    from pg_database where datconnlimit <> -2 order by datname`;

const SETTINGS = `
  select clock_timestamp() as at,
         (select count(*) from pg_replication_slots) < current_setting('max_replication_slots')::int as slot,
         -- Hidden from a role without pg_read_all_settings.
         (select setting from pg_settings where name = 'data_directory') as data,
         (select array_agg(setting order by setting) from pg_settings
           where name in ('config_file', 'hba_file', 'ident_file')) as files`;

/** Asks the server that is about to serve. */
export async function surveyBase(source: ChosenSource): Promise<BaseSurvey> {
  return await inSession(source.server, async (client) => {
    const server = await surveyServerFacts(client);
    const { rows: databases } = await client.query(DATABASES);
    const { rows } = await client.query(SETTINGS);
    const { at, slot, data, files } = rows[0];
    return {
      server: server.facts,
      databases: databases.map(({ name, oid, size }) => ({
        name,
        oid: Number(oid),
        sizeBytes: Number(size),
      })),
      warnings: [...surveyWarnings(source, server), ...(slot ? [] : [NO_SLOT])],
      notIncluded: [UNLOGGED, ...outside(data, files)],
      slot,
      at,
    };
  });
}

const NO_SLOT =
  'No replication slot was free for the base backup: the server may remove WAL that it needs, and it would fail. Raise max_replication_slots.';

const UNLOGGED: NotIncluded = {
  what: 'the rows of unlogged tables',
  why: 'PostgreSQL leaves them out of base backups',
};

/** Debian's configuration, for one, lies elsewhere. */
function outside(data: string | null, files: (string | null)[] | null): NotIncluded[] {
  return (files ?? [])
    .filter((file) => file !== null && data !== null && !file.startsWith(`${data}/`))
    .map((file) => ({ what: `${file}`, why: 'it lies outside of the data directory' }));
}

const TABLESPACES = `
  select oid::int8::text as oid, spcname as name, pg_tablespace_location(oid) as location
    from pg_tablespace where pg_tablespace_location(oid) <> '' order by oid`;

/** What a server says when a base backup of it has ended. */
export async function surveyAfter(
  source: ChosenSource,
): Promise<{ readonly at: Date; readonly tablespaces: readonly SourceTablespace[] }> {
  return await inSession(source.server, async (client) => {
    const { rows } = await client.query<{ oid: string; name: string; location: string }>(
      TABLESPACES,
    );
    const tablespaces = rows.map((row) => ({ ...row, oid: Number(row.oid) }));
    return { at: await now(client), tablespaces };
  });
}

async function now(client: pg.Client): Promise<Date> {
  const { rows } = await client.query<{ at: Date }>('select clock_timestamp() as at');
  return rows[0]?.at ?? new Date();
}

/** Where the data directory lies; `''`: the role may not see it. */
export async function dataDirectory(source: ChosenSource): Promise<string> {
  return await inSession(source.server, async (client) => {
    const { rows } = await client.query<{ data: string | null }>(
      `select max(setting) as data from pg_settings where name = 'data_directory'`,
    );
    return rows[0]?.data ?? '';
  });
}
