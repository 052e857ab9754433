import type pg from 'pg';
import type { SlotFacts } from './retention-plan.ts';

const MIB = 1024 * 1024;

/**
 * Readable by any role. A standby that no primary streams to has received nothing, and is where it has
 * replayed to; a slot whose WAL was removed has no position any more.
 */
const SLOT = `
  select wal_status, restart_lsn::text as restart_lsn, at::text as at,
         greatest(coalesce(pg_wal_lsn_diff(at, restart_lsn), 0), 0)::float8 as retained,
         (select setting::float8 from pg_settings where name = 'max_slot_wal_keep_size') as keep_mib
    from (select case when pg_is_in_recovery()
                      then coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
                      else pg_current_wal_lsn() end as at) here
    left join pg_replication_slots on slot_name = $1`;

/** Asks a server about a slot of ours. */
export async function askSlot(client: pg.Client, slot: string): Promise<SlotFacts> {
  const { rows } = await client.query(SLOT, [slot]);
  const row = rows[0];
  return {
    // One that was made without a position holds nothing yet.
    walStatus: row.wal_status ?? undefined,
    retainedBytes: row.retained,
    from: row.restart_lsn ?? undefined,
    to: row.at,
    keepBytes: row.keep_mib < 0 ? undefined : row.keep_mib * MIB,
  };
}
