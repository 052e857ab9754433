import { HoldfastError } from '../../../contract/errors.ts';
import { isSslMode, SSL_MODES, type SslMode } from '../ssl-mode.ts';

/** One server to connect to. Never print it: it holds the password. */
export interface ConnectionTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** `verify-full` unless the URI chooses otherwise. */
  readonly sslmode: SslMode;
}

/** Scheme and user, hosts with their ports, and the rest. */
const PARTS = /^(postgres(?:ql)?:\/\/(?:[^/?]*@)?)([^/?]*)(.*)$/s;

/**
 * Takes a URI apart: one server for each host that it names.
 *
 * @param index the URI's place in the secret, which errors name instead of the URI.
 * @throws HoldfastError SECRET_INVALID
 */
export function parseConnectionUri(uri: string, index: number): ConnectionTarget[] {
  const [, before = uri, hosts = '', after = ''] = PARTS.exec(uri) ?? [];
  return hosts.split(',').map((host) => parseSingleHost(`${before}${host}${after}`, index));
}

function parseSingleHost(uri: string, index: number): ConnectionTarget {
  const refuse = (found: string, hint: string): HoldfastError =>
    new HoldfastError('SECRET_INVALID', `URI ${index + 1} of the secret ${found}.`, { hint });
  let url: URL;
  try {
    url = new URL(uri);
  } catch {
    // The parser's message quotes the URI, and with it the password.
    throw refuse('cannot be parsed', 'Percent-encode user, password and database name.');
  }
  const sslmode = url.searchParams.get('sslmode') ?? 'verify-full';
  if (!isSslMode(sslmode)) {
    throw refuse(
      /^[a-z-]{1,12}$/.test(sslmode) ? `has sslmode=${sslmode}` : 'has an unknown sslmode',
      `Use one of ${SSL_MODES.join(', ')}; without it, verify-full is used.`,
    );
  }
  if (url.hostname === '' || url.username === '') {
    throw refuse('has no host or no user', 'Write postgresql://user:password@host:port/database.');
  }
  const user = decode(url.username);
  const password = decode(url.password);
  const database = decode(url.pathname.slice(1));
  if (user === undefined || password === undefined || database === undefined) {
    throw refuse('has a broken percent-encoding', 'Write % as %25, @ as %40, / as %2F, : as %3A.');
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 5432 : Number(url.port),
    user,
    password,
    database: database === '' ? 'postgres' : database,
    sslmode,
  };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
