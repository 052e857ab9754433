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
