import { readFile } from 'node:fs/promises';
import type { Io } from './io.ts';
import { usageError } from './print-error.ts';

/** Environment variable that may hold the target's URI. */
export const RESTORE_URI_VARIABLE = 'HOLDFAST_RESTORE_URI';
/** libpq's own, for a URI without a password. */
export const PASSWORD_VARIABLE = 'PGPASSWORD';

/**
 * Finds the target's URI: the option, a file, or the environment, in this order. Other users of the
 * machine see a process's arguments, so a password among them is warned of.
 *
 * @param option where the URI may stand.
 * @throws HoldfastError REQUEST_INVALID
 */
export async function findTargetUri(
  { to, toFile }: { readonly to?: string | undefined; readonly toFile?: string | undefined },
  io: Io,
  option: '--to' | '--standby' = '--to',
): Promise<string> {
  if (to !== undefined && toFile !== undefined) {
    throw usageError(
      `${option}${option === '--standby' ? ' with a URI' : ''} and --to-file exclude each other.`,
      'Give one of them.',
    );
  }
  if (to !== undefined) {
    if (/^postgres(ql)?:\/\/[^/?]*:[^/?]*@/.test(to)) {
      io.stderr.write(
        `warning: the password in ${option} is visible to others on this machine; use ${PASSWORD_VARIABLE}, --to-file or ${RESTORE_URI_VARIABLE}.\n`,
      );
    }
    return to;
  }
  if (toFile !== undefined) {
    const text = await readFile(toFile, 'utf8').catch(() => {
      throw usageError(`${toFile} cannot be read.`, 'Give a file that holds the URI: --to-file');
    });
    return text.trim();
  }
  const uri = io.env[RESTORE_URI_VARIABLE];
  if (uri !== undefined && uri !== '') return uri;
  throw usageError(
    option === '--to' ? 'Where to restore was not said.' : 'Of which server was not said.',
    `Give ${option} URI, --to-file FILE, or ${RESTORE_URI_VARIABLE}.`,
  );
}
