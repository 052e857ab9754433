import type pg from 'pg';
import type { ServerFacts } from '../../../contract/manifest-source.ts';

/** What a server is made of, for the manifest, and how it is set, for the warnings. */
export interface ServerSurvey {
  readonly facts: ServerFacts;
  readonly settings: ServerSettings;
}

export interface ServerSettings {
  /** How long replay waits for queries before it cancels them, by where WAL comes from. Seconds; -1: for ever. */
  readonly standbyDelaySeconds: { readonly streaming: number; readonly archive: number };
  readonly hotStandbyFeedback: boolean;
  /** Whether this very server archives its WAL. */
  readonly archives: boolean;
  /** After which a segment is archived though it is not full. Seconds; 0: never. */
  readonly archiveTimeoutSeconds: number;
  /** The last failure of archiving, where nothing has been archived since. */
  readonly archivingFails:
    | { readonly file: string; readonly at: Date; readonly times: number }
    | undefined;
}

const SERVER = `
  select version() as platform,
         current_setting('data_checksums') = 'on' as data_checksums,
         pg_size_bytes(current_setting('wal_segment_size'))::int as wal_segment_bytes,
         -- Hidden from a role without pg_read_all_settings.
         (select setting from pg_settings where name = 'shared_preload_libraries') as preload,
         (select pg_collation_actual_version(oid) from pg_collation
           where collprovider = 'c' and collcollate !~* '^(C|POSIX)([.]|$)' order by oid limit 1) as libc,
         (select pg_collation_actual_version(oid) from pg_collation
           where collprovider = 'i' order by oid limit 1) as icu,
         (select setting::int from pg_settings where name = 'max_standby_streaming_delay') as streaming,
         (select setting::int from pg_settings where name = 'max_standby_archive_delay') as archive,
         current_setting('hot_standby_feedback') = 'on' as feedback,
         current_setting('archive_mode') = 'always'
           or current_setting('archive_mode') = 'on' and not pg_is_in_recovery() as archives,
         (select setting::int from pg_settings where name = 'archive_timeout') as archive_timeout,
         last_failed_wal as failed_file, last_failed_time as failed_at, failed_count::int as failed_times,
         last_failed_time > coalesce(last_archived_time, '-infinity') as fails
    from pg_stat_archiver`;

export async function surveyServerFacts(client: pg.Client): Promise<ServerSurvey> {
  const { rows } = await client.query(SERVER);
  const row = rows[0];
  const seconds = (ms: number): number => (ms < 0 ? -1 : ms / 1000);
  return {
    facts: {
      platform: row.platform,
      dataChecksums: row.data_checksums,
      walSegmentBytes: row.wal_segment_bytes,
      sharedPreloadLibraries: listOf(row.preload),
      collationVersions: { libc: row.libc, icu: row.icu },
    },
    settings: {
      standbyDelaySeconds: { streaming: seconds(row.streaming), archive: seconds(row.archive) },
      hotStandbyFeedback: row.feedback,
      archives: row.archives,
      archiveTimeoutSeconds: row.archive_timeout,
      archivingFails: row.fails
        ? { file: row.failed_file, at: row.failed_at, times: row.failed_times }
        : undefined,
    },
  };
}

function listOf(setting: string | null): string[] | null {
  return setting === null
    ? null
    : setting
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '');
}
