import { readFileSync } from 'node:fs';
import pg from 'pg';
import type { PostgresServer } from '../local-cloud/servers/postgres.ts';
import type { BenchCloud } from './bench-cloud.ts';

/** A superuser's connection that stays open, for what is asked often. End it. */
export async function connect(
  { cloud }: BenchCloud,
  server: PostgresServer,
  database: string,
): Promise<pg.Client> {
  const { username, password } = new URL(server.uri);
  const client = new pg.Client({
    host: server.host,
    port: server.port,
    user: username,
    password: decodeURIComponent(password),
    database,
    ssl: { ca: readFileSync(cloud.caFile, 'utf8'), rejectUnauthorized: true },
  });
  // A server that stops under an idle connection is no reason to crash.
  client.on('error', () => {});
  await client.connect();
  return client;
}
