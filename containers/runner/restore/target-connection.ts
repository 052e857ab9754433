import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConnectionOptions, checkServerIdentity, getCACertificates } from 'node:tls';
import pg from 'pg';
import { parse } from 'pg-connection-string';
import { HoldfastError } from '../../../contract/errors.ts';
import { disconnect, KEEP_ALIVE } from '../keep-alive.ts';
import { liftTimeLimits, setAsideDefaults, trustOwnNames } from '../session-settings.ts';
import { isSslMode, SSL_MODES, type SslMode } from '../ssl-mode.ts';
import { connectionRefused } from './connection-refused.ts';

const KNOWN_PARAMETERS = [
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'host',
  'application_name',
];
const CONNECT_TIMEOUT_MS = 15_000;

/** The server that is restored into. Never print it: it holds the password. */
export interface TargetServer {
  /** A name, an address, or the directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Empty where the server asks for none. */
  readonly password: string;
  /** The database that the URI names; `postgres` if none. */
  readonly database: string;
  readonly sslmode: SslMode;
  /** File with the authorities that may sign the server's certificate. */
  readonly caFile?: string;
  /** Without that file: `node`'s unless given, `NODE_EXTRA_CA_CERTS` included, or this machine's, as libpq's `system`. */
  readonly authorities?: 'node' | 'system';
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Role that every session takes on; its own is that of the user. */
  readonly role?: string;
}

/**
 * Takes the target's URI apart. TLS is `verify-full` unless the URI chooses otherwise.
 *
 * @param caFile replaces the URI's `sslrootcert`.
 * @param otherPassword stands in where the URI has none.
 * @throws HoldfastError REQUEST_INVALID; never quotes the URI
 */
export function parseTargetUri(uri: string, caFile?: string, otherPassword?: string): TargetServer {
  const [base = '', query = ''] = uri.trim().split('?', 2);
  if (!/^postgres(ql)?:\/\//.test(base)) {
    throw invalid('it does not begin with postgresql://', 'Write postgresql://user@host:port/');
  }
  if (/^[a-z]+:\/\/([^@/]*@)?[^/]*,/.test(base)) {
    throw invalid('it names several hosts', 'Name the one server that is to hold the database.');
  }
  const parameters = new URLSearchParams(query);
  const unknown = [...parameters.keys()].find((name) => !KNOWN_PARAMETERS.includes(name));
  if (unknown !== undefined) {
    throw invalid(
      // A password that was not percent-encoded may have ended up here.
      /^[a-z_]{1,40}$/.test(unknown)
        ? `its parameter ${unknown} is not supported`
        : 'it has a parameter that is not supported',
      `Use ${KNOWN_PARAMETERS.join(', ')}.`,
    );
  }
  const sslmode = parameters.get('sslmode') ?? 'verify-full';
  if (!isSslMode(sslmode)) {
    const found = /^[a-z-]{1,12}$/.test(sslmode) ? sslmode : 'unknown';
    throw invalid(`its sslmode is ${found}`, `Use one of ${SSL_MODES.join(', ')}.`);
  }
  const { host, port, user, password, database } = parseBase(base);
  const server = parameters.get('host') ?? host;
  if (!server || !user) {
    throw invalid('it has no host or no user', 'Write postgresql://user@host:port/');
  }
  const ca = caFile ?? parameters.get('sslrootcert') ?? undefined;
  if (sslmode === 'verify-ca' && ca === undefined) {
    throw invalid('sslmode is verify-ca without an authority', 'Name its certificate: --ca FILE');
  }
  const [certFile, keyFile] = [parameters.get('sslcert'), parameters.get('sslkey')];
  return {
    host: server,
    port: port ? Number(port) : 5432,
    user,
    password: password || otherPassword || '',
    database: database ?? 'postgres',
    sslmode,
    ...(ca === undefined ? {} : { caFile: ca }),
    ...(certFile === null ? {} : { certFile }),
    ...(keyFile === null ? {} : { keyFile }),
  };
}

function parseBase(base: string): ReturnType<typeof parse> {
  try {
    return parse(base);
  } catch {
    // The parser's message may quote the URI, and with it the password.
    throw invalid('it cannot be parsed', 'Percent-encode user, password and database name.');
  }
}

/** Where the target is, without who connects to it. */
export function whereabouts({ host, port }: TargetServer): string {
  return `${host}:${port}`;
}

/**
 * A session on the target. The caller ends it.
 *
 * @throws HoldfastError RESTORE_REFUSED
 */
export async function connect(target: TargetServer, database: string): Promise<pg.Client> {
  const client = new pg.Client({
    host: target.host,
    port: target.port,
    user: target.user,
    // A function: pg would look for another in variables and files, which the programs do not see.
    password: () => target.password,
    database,
    ssl: await tlsOptions(target),
    application_name: 'holdfast restore',
    ...(target.role === undefined ? {} : { options: roleOption(target.role) }),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    ...KEEP_ALIVE,
  });
  // A connection that breaks between two queries must not end the process; the next query fails.
  client.on('error', () => {});
  try {
    await client.connect();
    await setAsideDefaults(client);
    await trustOwnNames(client);
    await liftTimeLimits(client);
    return client;
  } catch (cause) {
    await disconnect(client);
    throw connectionRefused(`${whereabouts(target)}, database "${database}"`, cause);
  }
}

/**
 * Gives libpq's programs the very authorities that our own sessions trust, those of
 * `NODE_EXTRA_CA_CERTS` included: what can be surveyed can be loaded.
 *
 * @param directory where they are written, unless the target names a file of its own.
 */
export async function withAuthorities(
  target: TargetServer,
  directory: string,
): Promise<TargetServer> {
  if (target.caFile !== undefined || target.sslmode !== 'verify-full') return target;
  const caFile = join(directory, 'authorities.pem');
  await writeFile(caFile, getCACertificates('default').join('\n'));
  return { ...target, caFile };
}

/** Runs `work` on a session of its own. */
export async function withSession<T>(
  target: TargetServer,
  database: string,
  work: (session: pg.Client) => Promise<T>,
): Promise<T> {
  const session = await connect(target, database);
  try {
    return await work(session);
  } finally {
    await disconnect(session);
  }
}

/**
 * The same server, for libpq's programs: by environment, never by argument. It is the whole
 * environment, so that no credential of ours reaches them.
 */
export function clientEnvironment(target: TargetServer): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    // Messages are read by us.
    LC_ALL: 'C',
    PGHOST: target.host,
    PGPORT: String(target.port),
    PGUSER: target.user,
    PGPASSWORD: target.password,
    PGPASSFILE: '/dev/null/none',
    PGAPPNAME: 'holdfast restore',
    PGCONNECT_TIMEOUT: String(CONNECT_TIMEOUT_MS / 1000),
    PGSSLMODE: target.sslmode,
    PGSSLROOTCERT: target.caFile ?? '',
    PGSSLCERT: target.certFile ?? '',
    PGSSLKEY: target.keyFile ?? '',
    PGGSSENCMODE: 'disable',
    ...(target.role === undefined ? {} : { PGOPTIONS: roleOption(target.role) }),
  };
}

/** As the server reads it: words apart by blanks, what is in a word behind a backslash. */
function roleOption(role: string): string {
  return `-c role=${role.replaceAll(/[\\\s]/g, '\\$&')}`;
}

async function tlsOptions(target: TargetServer): Promise<boolean | ConnectionOptions> {
  if (target.sslmode === 'disable' || target.host.startsWith('/')) return false;
  const [ca, cert, key] = await Promise.all(
    [target.caFile, target.certFile, target.keyFile].map(readOptional),
  );
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(ca === undefined && target.authorities === 'system'
      ? { ca: getCACertificates('system') }
      : {}),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    // As libpq has it: with an authority at hand, "require" is "verify-ca".
    rejectUnauthorized: target.sslmode !== 'require' || ca !== undefined,
    checkServerIdentity: target.sslmode === 'verify-full' ? checkServerIdentity : () => undefined,
  };
}

async function readOptional(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  return await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new HoldfastError('REQUEST_INVALID', `${file} cannot be read.`, {
      hint: 'Give the path of a PEM file: --ca FILE, or sslrootcert in the URI.',
      cause,
    });
  });
}

function invalid(found: string, hint: string): HoldfastError {
  return new HoldfastError('REQUEST_INVALID', `The target's URI is invalid: ${found}.`, { hint });
}
