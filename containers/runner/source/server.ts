import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import pg from 'pg';
import { disconnect, KEEP_ALIVE } from '../keep-alive.ts';
import { isOwnProcess, setAsideDefaults, trustOwnNames } from '../session-settings.ts';
import type { ConnectionTarget } from './connection-uri.ts';

/** How long an answer to a question of ours may take. */
export const QUERY_TIMEOUT_MS = 60_000;
/** How long a connection attempt may take. */
const CONNECT_TIMEOUT_MS = 15_000;

/** Which authorities may sign a server's certificate. */
export interface Trust {
  /** PEM. */
  readonly ca: string;
  /** File with the same, for libpq. */
  readonly caFile: string;
}

/** What every session of a run has in common, wherever it goes. */
export interface Access extends Trust {
  /** What the server's own views and logs show of us. */
  readonly applicationName: string;
}

/**
 * One server, pinned to one address: every connection of a run goes there, so that a name that
 * resolves to several servers cannot mix their data.
 */
export interface Server extends Access {
  readonly target: ConnectionTarget;
  /** Place among the secret's URIs, from 0. */
  readonly uriIndex: number;
  readonly address: string;
  /**
   * Whether sessions of any database or role are serializable by default, which a standby refuses.
   * @default false
   */
  readonly serializable?: boolean;
  /**
   * Whether sessions are known to be nobody else's afterwards, although a pooler may stand before them.
   * @default false
   */
  readonly unshared?: boolean;
}

/** The addresses that a host's name stands for, in the resolver's order; an address stands for itself. */
export async function addressesOf(host: string): Promise<string[]> {
  if (isIP(host) > 0) return [host];
  const found = await lookup(host, { all: true });
  return [...new Set(found.map(({ address }) => address))];
}

/** A session of ours on the server. The caller ends it. */
export async function connect(server: Server, database: string): Promise<pg.Client> {
  const client = new pg.Client({
    ...clientConfig(server),
    database,
    // Ours are short questions; one that hangs must not hold the run for ever.
    query_timeout: QUERY_TIMEOUT_MS,
  });
  // A connection that breaks between two queries must not end the process; the next query fails.
  client.on('error', () => {});
  await client.connect();
  try {
    await setAsideDefaults(client);
    // Behind a pooler that shares sessions it would stay behind, and others' names be found no more.
    if (server.unshared === true || (await isOwnProcess(client))) await trustOwnNames(client);
    return client;
  } catch (error) {
    await disconnect(client);
    throw error;
  }
}

/** How a session gets to the server, whatever it is for. */
export function clientConfig(server: Server): pg.ClientConfig {
  const { target, address } = server;
  return {
    host: address,
    port: target.port,
    user: target.user,
    password: target.password,
    ssl: tlsOptions(server),
    // And no other parameter: poolers refuse those that they do not know.
    application_name: server.applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    ...KEEP_ALIVE,
  };
}

function tlsOptions({ target, ca }: Server): false | ConnectionOptions {
  if (target.sslmode === 'disable') return false;
  const base: ConnectionOptions = {
    ca,
    ...(isIP(target.host) > 0 ? {} : { servername: target.host }),
  };
  switch (target.sslmode) {
    case 'verify-full':
      // The connection goes to the pinned address; the certificate must be the named host's.
      return {
        ...base,
        checkServerIdentity: (_, certificate) => checkServerIdentity(target.host, certificate),
      };
    case 'verify-ca':
      return { ...base, checkServerIdentity: () => undefined };
    case 'require':
      return { ...base, rejectUnauthorized: false };
  }
}

/**
 * What libpq's programs need to reach the very same server. The password travels in the environment,
 * never in the arguments, which every process can read.
 */
export function libpqEnvironment(server: Server): Record<string, string> {
  const { target, address, caFile } = server;
  return {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    LC_ALL: 'C.UTF-8',
    PGHOST: target.host,
    PGHOSTADDR: address,
    PGPORT: String(target.port),
    PGUSER: target.user,
    PGPASSWORD: target.password,
    PGSSLMODE: target.sslmode,
    // With a file libpq verifies under `require`, too, which our own sessions do not.
    PGSSLROOTCERT: target.sslmode === 'require' ? '' : caFile,
    PGAPPNAME: server.applicationName,
    PGCONNECT_TIMEOUT: String(CONNECT_TIMEOUT_MS / 1000),
    // Only where it is needed: some poolers let nobody in who asks for options.
    ...(server.serializable === true
      ? { PGOPTIONS: '-c default_transaction_isolation=read\\ committed' }
      : {}),
  };
}
