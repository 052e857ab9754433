import type pg from 'pg';
import type { LagProbe } from '../../../contract/manifest-source.ts';

/** How far a server has come, and how far behind its primary that is. */
export interface ReplayPosition {
  /** Replay position on a replica, insert position on a primary. */
  readonly lsn: string;
  /** Seconds; 0 on a primary; `undefined` when it cannot be known. */
  readonly replayLagSeconds: number | undefined;
  /** What the lag was found by. */
  readonly lagProbe: LagProbe;
  /** Whether somebody has paused replay, or asked for it. */
  readonly replayPaused: boolean;
}

/**
 * What the newest thing that was replayed says of the time: of the primary's clock, a commit's or,
 * where none has been replayed since the start, the checkpoint's that recovery began with.
 */
const SINCE_REPLAYED = `
  extract(epoch from clock_timestamp() - greatest(
    pg_last_xact_replay_timestamp(), (select checkpoint_time from pg_control_checkpoint())))`;

const REPLAY = `
  with receiver as (select last_msg_receipt_time as heard from pg_stat_wal_receiver where pid is not null),
       probe as (
         select case when not pg_is_in_recovery() then 'primary'
                     -- An idle primary sends no commits: a replica that has replayed all it received
                     -- is as new as the last message of its sender, however old the last commit is.
                     when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
                          and exists (select from receiver) then 'receiver'
                     when pg_last_wal_receive_lsn() is null and not exists (select from receiver)
                     then 'archive'
                     else 'replayed' end as name)
  select case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
              else pg_current_wal_insert_lsn() end::text as lsn,
         name as probe,
         case when pg_is_in_recovery() then pg_get_wal_replay_pause_state() <> 'not paused'
              else false end as paused,
         case name when 'primary' then 0
                   -- Without pg_read_all_stats the time is hidden, and a living receiver bounds it.
                   when 'receiver' then coalesce(
                     (select extract(epoch from clock_timestamp() - heard) from receiver),
                     (select extract(epoch from nullif(setting::int, 0) * interval '1 ms')
                        from pg_settings where name = 'wal_receiver_timeout'))
                   else ${SINCE_REPLAYED}
         end::float8 as lag
    from probe`;

/** Asks PostgreSQL's own functions. */
export async function probeReplay(client: pg.Client): Promise<ReplayPosition> {
  const { rows } = await client.query<{
    lsn: string;
    probe: LagProbe;
    paused: boolean;
    lag: number | null;
  }>(REPLAY);
  const [row] = rows;
  if (row === undefined) throw new Error('the server did not say how far it has come');
  return {
    lsn: row.lsn,
    lagProbe: row.probe,
    replayPaused: row.paused,
    replayLagSeconds: lagOf(row.lag),
  };
}

/** Clocks that differ make a lag below 0. */
export function lagOf(seconds: number | null): number | undefined {
  return seconds === null ? undefined : Math.max(0, seconds);
}
