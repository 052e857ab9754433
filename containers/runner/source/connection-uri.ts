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

/**
 * Takes a URI apart.
 *
 * @param index the URI's place in the secret, which errors name instead of the URI.
 * @throws HoldfastError SECRET_INVALID
 */
export function parseConnectionUri(uri: string, index: number): ConnectionTarget {
  const refuse = (found: string, hint: string): HoldfastError =>
    new HoldfastError('SECRET_INVALID', `URI ${index + 1} of the secret ${found}.`, { hint });
  if (/^postgres(ql)?:\/\/([^@/]*@)?[^/?]*,/.test(uri)) {
    throw refuse(
      'names several hosts',
      'Give each server a URI of its own, in "uris", replica first.',
    );
  }
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
