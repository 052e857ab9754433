import { HoldfastError } from '../../../contract/errors.ts';
import type { Server } from './server.ts';

const TLS_CODES =
  /^(ERR_TLS_|SELF_SIGNED|DEPTH_ZERO_SELF_SIGNED|UNABLE_TO_|CERT_|ERR_SSL_|HOSTNAME_MISMATCH)/;

/** Where a server is, without who connects to it. */
export function whereabouts({ target }: Pick<Server, 'target'>): string {
  return `${target.host}:${target.port}`;
}

/** Says why a connection could not be had. Never quotes user or password. */
export function connectionError(thrown: unknown, server: Pick<Server, 'target'>): HoldfastError {
  const { code = '', message = String(thrown) } = thrown as { code?: string; message?: string };
  const where = whereabouts(server);
  if (TLS_CODES.test(code) || /does not support SSL/.test(message)) {
    return new HoldfastError('SOURCE_TLS', `${where}: TLS failed: ${message}`, {
      hint: 'The URI must name the host that the certificate is for, and the secret needs "ca" when a private authority signed it. sslmode=verify-ca or require in the URI is weaker, and recorded.',
      cause: thrown,
    });
  }
  if (code.startsWith('28')) {
    return new HoldfastError('SOURCE_AUTHENTICATION', `${where}: ${withoutUser(message)}`, {
      hint: 'Check user and password in the secret, and pg_hba.conf on the server.',
      cause: thrown,
    });
  }
  return new HoldfastError(
    'SOURCE_UNREACHABLE',
    `${where}: ${message}${code ? ` (${code})` : ''}`,
    {
      hint: 'Check that the server is up, and that its firewall admits the egress address of the tasks.',
      cause: thrown,
    },
  );
}

function withoutUser(message: string): string {
  return message.replace(/for user "[^"]*"/, 'for the user in the secret');
}
