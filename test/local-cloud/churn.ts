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

/**
 * Commits a row at a time, over and over, numbered from 1 without a gap.
 *
 * @param table with the columns `id` and `note`.
 * @returns what ends it, and answers with the last number.
 */
export function keepCommitting(
  primary: PostgresServer,
  database: string,
  table: string,
): () => Promise<number> {
  let running = true;
  let id = 0;
  const done = (async () => {
    while (running) {
      id += 1;
      const note = `repeat(md5('${id}'), 50)`;
      await primary.query(`insert into ${table} values (${id}, ${note})`, { database });
    }
  })();
  // Awaited at the end: until then a failure is nobody's yet.
  done.catch(() => undefined);
  return async () => {
    running = false;
    await done;
    return id;
  };
}
