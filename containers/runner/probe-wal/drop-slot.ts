import type pg from 'pg';

/** How long the session that holds the slot is fought for it. */
const GIVE_UP_AFTER_MS = 30_000;
/** How long one statement goes on: below any statement_timeout that leaves room for a question. */
const ROUND_MS = 1_000;

/** SQLSTATE of a slot that a session holds: `object_in_use`. */
const IN_USE = '55006';

/**
 * A streamer that is cut off is back within milliseconds, sooner than one question follows on another, and
 * sooner than `pg_terminate_backend` looks whether it has gone: so the server itself tries every two.
 */
function dropStatement(slot: string): string {
  return `
    do $drop$
    declare
      until timestamptz := clock_timestamp() + interval '${ROUND_MS} ms';
    begin
      loop
        begin
          perform pg_drop_replication_slot(${slot});
          return;
        exception
          when undefined_object then
            return;
          when object_in_use then
            if clock_timestamp() > until then
              raise;
            end if;
            perform pg_terminate_backend(active_pid)
               from pg_replication_slots where slot_name = ${slot} and active_pid is not null;
            perform pg_sleep(0.002);
        end;
      end loop;
    end $drop$`;
}

/**
 * Drops a slot, and ends the session that holds it: of one's own role, which takes no right. A streamer
 * that lives comes back at once and takes the slot again, so that is repeated until the slot is gone.
 *
 * @throws the server's refusal once 30 seconds are over.
 */
export async function dropSlot(client: pg.Client, slot: string): Promise<void> {
  const statement = dropStatement(client.escapeLiteral(slot));
  const deadline = Date.now() + GIVE_UP_AFTER_MS;
  for (;;) {
    try {
      await client.query(statement);
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== IN_USE || Date.now() > deadline) throw error;
    }
  }
}
