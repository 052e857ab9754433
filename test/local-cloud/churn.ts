import type { PostgresServer } from './servers/postgres.ts';

/**
 * Rewrites a small table and vacuums it, over and over: on a replica, replay then has to remove rows
 * that every older snapshot of the database still sees.
 *
 * @returns what ends it.
 */
export function keepVacuuming(
  primary: PostgresServer,
  database: string,
  table: string,
): () => Promise<void> {
  let running = true;
  const done = (async () => {
    while (running) {
      await primary.query(`update ${table} set id = id + 1`, { database });
      await primary.query(`vacuum ${table}`, { database });
    }
  })();
  // Awaited at the end: until then a failure is nobody's yet.
  done.catch(() => undefined);
  return async () => {
    running = false;
    await done;
  };
}
