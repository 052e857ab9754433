import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';

/** How long the session that holds the slot is fought for it. */
const GIVE_UP_AFTER_MS = 30_000;
/** How long a session that was told to end may take. */
const END_WITHIN_MS = 2_000;
const AGAIN_AFTER_MS = 100;

/** SQLSTATE of a slot that a session holds, and of one that is not there. */
const IN_USE = '55006';
const UNDEFINED = '42704';

/**
 * Both in one statement: a streamer comes back within milliseconds, and an answer that is waited for in between
 * may take longer. CASE, because nobody else's session may be ended in whatever order conditions are tried.
 */
const DROP = `
  select pg_drop_replication_slot(slot_name) from pg_replication_slots
   where case when slot_name = $1
              then active_pid is null or pg_terminate_backend(active_pid, ${END_WITHIN_MS})
              else false end`;

/**
 * Drops a slot, and ends the session that holds it: of one's own role, which takes no right. A streamer
 * that lives comes back at once and takes the slot again, so that is repeated until the slot is gone.
 *
 * @throws the server's refusal once 30 seconds are over.
 */
export async function dropSlot(client: pg.Client, slot: string): Promise<void> {
  const deadline = Date.now() + GIVE_UP_AFTER_MS;
  for (;;) {
    try {
      // None where it is gone, and where the session does not end in time.
      if ((await client.query(DROP, [slot])).rowCount === 1) return;
      // As whoever holds it is told: in use, or not there.
      await client.query('select pg_drop_replication_slot($1)', [slot]);
      return;
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === UNDEFINED) return;
      if (code !== IN_USE || Date.now() > deadline) throw error;
    }
    await sleep(AGAIN_AFTER_MS);
  }
}
