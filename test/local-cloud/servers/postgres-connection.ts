import pg, { type QueryResult } from 'pg';

/** Where a server listens and how its superuser gets in. */
export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
  readonly password: string;
  readonly caPem: string;
}

export interface UriParts {
  readonly database?: string;
  readonly user?: string;
  readonly password?: string;
}

export function connectionUri(address: PostgresAddress, parts: UriParts = {}): string {
  const { database = 'postgres', user = 'postgres', password = address.password } = parts;
  const [name, secret, path] = [user, password, database].map(encodeURIComponent);
  return `postgresql://${name}:${secret}@${address.host}:${address.port}/${path}?sslmode=verify-full`;
}

/** Runs SQL on a connection of its own, over TLS that is checked against our authority. */
export async function runQuery(
  address: PostgresAddress,
  sql: string,
  database = 'postgres',
): Promise<QueryResult> {
  const client = new pg.Client({
    host: address.host,
    port: address.port,
    user: 'postgres',
    password: address.password,
    database,
    ssl: { ca: address.caPem, rejectUnauthorized: true },
    connectionTimeoutMillis: 5_000,
  });
  // A server that stops under an idle connection is no reason to crash.
  client.on('error', () => {});
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}
