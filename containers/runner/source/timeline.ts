import type pg from 'pg';
import { withOwnNames } from '../session-settings.ts';

/**
 * The control file has the last checkpoint's timeline, which may be an older one for some minutes after a
 * failover. A primary knows the one that it writes; a replica the one that it has got to in writing pages,
 * and who may see it (`pg_read_all_stats`) the one that it receives.
 */
const TIMELINE = `
  select greatest(
    (select timeline_id from pg_control_checkpoint()),
    (select min_recovery_end_timeline from pg_control_recovery()),
    (select received_tli from pg_stat_wal_receiver),
    case when not pg_is_in_recovery()
         then ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int
    end) as timeline`;

/** The latest timeline that a server knows itself to be on. */
export async function timelineNow(client: pg.Client): Promise<number> {
  const { rows } = await withOwnNames(client, () => client.query<{ timeline: number }>(TIMELINE));
  const [row] = rows;
  if (row === undefined) throw new Error('the server did not say which timeline it is on');
  return row.timeline;
}
