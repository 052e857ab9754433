import type pg from 'pg';
import { whereabouts } from './connection-error.ts';
import { inSession } from './in-session.ts';
import type { Server } from './server.ts';

/** Readable by any role. One that has lost its WAL holds nothing back any more. */
const SLOT = `
  select restart_lsn::text as from from pg_replication_slots
   where slot_name = $1 and not active and restart_lsn is not null and wal_status <> 'lost'`;

/**
 * Looks for the slot that a streamer of WAL leaves behind when its cluster has none any more: nobody asks
 * how much it holds back, so that every backup says how to get rid of it.
 *
 * @param slot as the cluster's streamer would call it.
 * @returns warnings.
 * @throws HoldfastError when the server cannot be asked.
 */
export async function abandonedSlot(server: Server, slot: string): Promise<string[]> {
  return await inSession(server, (client) => warningsOf(client, slot, whereabouts(server)));
}

/** The same, in a session that is there. */
export async function warningsOf(
  client: pg.Client,
  slot: string,
  where: string,
): Promise<string[]> {
  const { rows } = await client.query<{ from: string }>(SLOT, [slot]);
  return rows.map(
    ({ from }) =>
      `${where} keeps all its WAL from ${from} on for the replication slot ${slot}, which nobody reads: this cluster has no streamer of WAL any more. Its disk fills up, unless max_slot_wal_keep_size says when to stop. Run on every server of the cluster: SELECT pg_drop_replication_slot('${slot}');`,
  );
}
