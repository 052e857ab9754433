import type pg from 'pg';

/** What a server says of itself. */
export interface Survey {
  readonly inRecovery: boolean;
  readonly systemIdentifier: string;
  readonly timeline: number;
  /** Such as `17.11 (Debian 17.11-1)`. */
  readonly serverVersion: string;
  readonly major: number;
  readonly postmasterStartedAt: Date;
  /** Replay position on a replica, insert position on a primary. */
  readonly lsn: string;
  /** Seconds; 0 on a primary; `undefined` when it cannot be known. */
  readonly replayLagSeconds: number | undefined;
}

const SURVEY = `
  select pg_is_in_recovery() as in_recovery,
         (select system_identifier::text from pg_control_system()) as system_identifier,
         (select timeline_id from pg_control_checkpoint()) as timeline,
         current_setting('server_version') as server_version,
         current_setting('server_version_num')::int / 10000 as major,
         pg_postmaster_start_time() as postmaster_started_at,
         case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
              else pg_current_wal_insert_lsn() end::text as lsn,
         case when not pg_is_in_recovery() then 0
              -- An idle primary sends no commits: a replica that has replayed all it received is as
              -- new as the last message of its sender, however old the last commit is. Without
              -- pg_read_all_stats that time is hidden, and a living receiver bounds it.
              when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
                   and exists (select from pg_stat_wal_receiver where pid is not null)
              then (select case when r.last_msg_receipt_time is not null
                                then extract(epoch from clock_timestamp() - r.last_msg_receipt_time)
                                else (select extract(epoch from nullif(setting::int, 0) * interval '1 ms')
                                        from pg_settings where name = 'wal_receiver_timeout') end
                      from pg_stat_wal_receiver r)
              else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())
         end::float8 as replay_lag`;

/** Asks a server who it is and how far it has come. */
export async function survey(client: pg.Client): Promise<Survey> {
  const { rows } = await client.query(SURVEY);
  const row = rows[0];
  return {
    inRecovery: row.in_recovery,
    systemIdentifier: row.system_identifier,
    timeline: row.timeline,
    serverVersion: row.server_version,
    major: row.major,
    postmasterStartedAt: row.postmaster_started_at,
    lsn: row.lsn,
    replayLagSeconds: row.replay_lag === null ? undefined : Math.max(0, row.replay_lag),
  };
}
