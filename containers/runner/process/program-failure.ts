import type { ErrorCode } from '../../../contract/error-codes.ts';
import { HoldfastError } from '../../../contract/errors.ts';
import { quoteStderr } from './quote-stderr.ts';

/** Words that a program of PostgreSQL ends with, what they mean, and what to do. */
export type Meaning = readonly [words: RegExp, code: ErrorCode, hint: string];

export const SPOOL_IS_FULL: Meaning = [
  /No space left on device/,
  'SPOOL_UNUSABLE',
  "The spool's volume is full: give the task a larger ephemeralStorageGiB, or a smaller spoolCapMiB.",
];

/** Before a connection that broke: it is told in the same words. */
export const TLS_IS_REFUSED: Meaning = [
  /certificate verify failed|does not match host name/,
  'SOURCE_TLS',
  "Give the secret the authority that signed the server's certificate (ca), and in the URI the name that it is for.",
];

/** Likewise; and some of its connections are made late. */
export const PASSWORD_IS_REFUSED: Meaning = [
  /password authentication failed/,
  'SOURCE_AUTHENTICATION',
  'It was right when the backup began: see that the secret has the one that counts now.',
];

export const SERVER_WENT_AWAY = 'The server went away or was restarted; run the backup again.';

const OTHERWISE: Meaning = [
  /./,
  'DUMP_FAILED',
  'Nothing was published. Run the backup again; the last lines of its output say what it met.',
];

/**
 * Why a program failed, with the last lines that it printed.
 *
 * @param meanings the first that fits counts.
 * @param what the program, and what it was at: `pg_dump of shop`.
 */
export function programFailure(
  meanings: readonly Meaning[],
  what: string,
  exit: string,
  stderr: string,
): HoldfastError {
  const said = quoteStderr(stderr);
  const message = `${what} ended with ${exit}${said === '' ? '' : `: ${said}`}`;
  const [, code, hint] = meanings.find(([words]) => words.test(said)) ?? OTHERWISE;
  return new HoldfastError(code, message, { hint });
}
