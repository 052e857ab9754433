import { HoldfastError } from '../../../contract/errors.ts';

/** `invalid_password` and `invalid_authorization_specification`. */
const AUTHENTICATION = new Set(['28P01', '28000']);
const PLACES =
  'It stands in PGPASSWORD, or percent-encoded in the URI in HOLDFAST_RESTORE_URI or --to-file; password files are not read.';

/**
 * What is said where the target lets nobody in.
 *
 * @param where host, port and database.
 */
export function connectionRefused(where: string, cause: unknown): HoldfastError {
  const { message, code } = cause as { message: string; code?: string };
  const refuse = (found: string, hint: string) =>
    new HoldfastError('RESTORE_REFUSED', `Cannot connect to ${where}: ${found}`, { hint, cause });
  // The driver's word for an empty password.
  if (/: client password must be/.test(message)) {
    return refuse('the server asks for a password, and none was given.', PLACES);
  }
  const found = `${message}${code ? ` (${code})` : ''}`;
  if (code !== undefined && AUTHENTICATION.has(code)) {
    return refuse(
      found,
      `Look at the user and the password, and at the server's pg_hba.conf. ${PLACES}`,
    );
  }
  return refuse(
    found,
    'Check the URI, that the server is up, and its certificate: --ca FILE for a private authority; sslmode=require or disable in the URI is weaker.',
  );
}
