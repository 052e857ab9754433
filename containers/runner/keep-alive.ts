import type pg from 'pg';

/** How long a server may take to say goodbye. */
const GOODBYE_MS = 2_000;

/** When an idle connection is first asked whether it lives: NAT on AWS forgets it after 350 seconds. */
const AFTER_SECONDS = 30;

/** Of our own sessions. */
export const KEEP_ALIVE = {
  keepAlive: true,
  keepAliveInitialDelayMillis: AFTER_SECONDS * 1000,
} as const;

/**
 * Parameters of a conninfo string that hold a connection open while nothing is sent: a dump that stands
 * still, an index that is built. There is no variable of the environment for them.
 */
export const KEEP_ALIVES = `keepalives_idle=${AFTER_SECONDS} keepalives_interval=10 keepalives_count=6`;

/**
 * The conninfo string for `--dbname`: the database, whose name might be taken for a conninfo string
 * itself, and keep-alives. Holds nothing secret.
 */
export function conninfo(database: string): string {
  const quoted = database.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
  return `dbname='${quoted}' ${KEEP_ALIVES}`;
}

/** Ends a session, if need be without the server's consent: one that hangs never answers. Never throws. */
export async function disconnect(client: pg.Client): Promise<void> {
  const timer = setTimeout(() => client.connection.stream.destroy(), GOODBYE_MS);
  await client.end().catch(() => undefined);
  clearTimeout(timer);
}
