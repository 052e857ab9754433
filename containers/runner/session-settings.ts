import type pg from 'pg';

/**
 * Sets aside what the server, a database or a role has set for every session where it would hinder
 * us: a standby answers nothing to a session whose default is `serializable`, and dates in another
 * style would be misread. Where it would not, nothing is set: behind a pooler, which is only found out
 * later, it would stay behind for others.
 */
export async function setAsideDefaults(client: pg.Client): Promise<void> {
  if ((await show(client, 'default_transaction_isolation')) === 'serializable') {
    await client.query(`set default_transaction_isolation = 'read committed'`);
  }
  if (!(await show(client, 'datestyle')).startsWith('ISO')) {
    await client.query(`set datestyle = 'ISO'`);
  }
}

/** A command, unlike a query, that needs no snapshot. */
async function show(client: pg.Client, name: string): Promise<string> {
  const { rows } = await client.query<Record<string, string>>(`show ${name}`);
  return Object.values(rows[0] ?? {})[0] ?? '';
}

/** Lifts every time limit on the session; `pg` itself sends none of 0. */
export async function liftTimeLimits(client: pg.Client): Promise<void> {
  // A query, because not every version has all of them.
  await client.query(
    `select set_config(name, '0', false) from pg_settings
      where name in ('statement_timeout', 'lock_timeout', 'transaction_timeout',
                     'idle_session_timeout', 'idle_in_transaction_session_timeout')`,
  );
}

/**
 * Has every name that a session's own questions leave without a schema be PostgreSQL's own. Whoever owns a database, or
 * may make functions in a schema of its search path, could otherwise put others in their place: they
 * would answer instead, and run with the rights of whoever asks.
 *
 * @see https://wiki.postgresql.org/wiki/A_Guide_to_CVE-2018-1058
 */
export async function trustOwnNames(client: pg.Client): Promise<void> {
  await client.query(`set search_path = ''`);
}

/** The same for what is asked in `work` alone: nothing of it stays behind in a pooler. */
export async function withOwnNames<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await client.query('begin');
  await client.query(`set local search_path = ''`);
  const answer = await work();
  await client.query('commit');
  return answer;
}

/** Whether the session is the server's own process, and no pooler's that others get after us. */
export async function isOwnProcess(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>('select pg_catalog.pg_backend_pid() as pid');
  return rows[0]?.pid === (client as pg.Client & { readonly processID?: number }).processID;
}
