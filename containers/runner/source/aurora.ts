import type pg from 'pg';
import { lagOf, type ReplayPosition } from './replay-position.ts';

const IS_AURORA = `select to_regproc('pg_catalog.aurora_replica_status') is not null as aurora`;

/**
 * Aurora's servers share one storage and refuse the functions about WAL; its own say what a reader
 * shows.
 *
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora_replica_status.html
 */
const STATUS = `
  select pg_is_in_recovery() as reader,
         ('0/0'::pg_lsn + coalesce(current_read_lsn, durable_lsn)::numeric)::text as lsn,
         replica_lag_in_msec / 1000.0::float8 as lag
    from pg_catalog.aurora_replica_status()
   where server_id = pg_catalog.aurora_db_instance_identifier()`;

export async function isAurora(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ aurora: boolean }>(IS_AURORA);
  return rows[0]?.aurora ?? false;
}

/** Asks Aurora. A reader that is not in its own status has an unknown lag, and no position. */
export async function probeAurora(client: pg.Client): Promise<ReplayPosition> {
  const { rows } = await client.query<{ reader: boolean; lsn: string | null; lag: number | null }>(
    STATUS,
  );
  const [row] = rows;
  // Its storage is shared: there is no replay that could be paused.
  const replayPaused = false;
  if (row === undefined) {
    return { lsn: '0/0', replayLagSeconds: undefined, lagProbe: 'aurora', replayPaused };
  }
  return {
    lsn: row.lsn ?? '0/0',
    replayLagSeconds: row.reader ? lagOf(row.lag) : 0,
    lagProbe: row.reader ? 'aurora' : 'primary',
    replayPaused,
  };
}
