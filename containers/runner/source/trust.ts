import { readFile, writeFile } from 'node:fs/promises';
import { HoldfastError } from '../../../contract/errors.ts';
import type { Trust } from './server.ts';

/** The public authorities that Debian's ca-certificates installs. */
export const SYSTEM_CA_FILE = '/etc/ssl/certs/ca-certificates.crt';

/**
 * The authorities to trust: the secret's own where it has one, else the public ones.
 *
 * @param directory where the secret's authority is written for libpq to read.
 * @throws HoldfastError CLIENT_MISSING
 */
export async function trustFor(ca: string | undefined, directory: string): Promise<Trust> {
  if (ca !== undefined) {
    const caFile = `${directory}/source-ca.pem`;
    await writeFile(caFile, ca, { mode: 0o600 });
    return { ca, caFile };
  }
  return await readAuthorities(undefined);
}

/**
 * The same for who runs none of libpq's programs: the secret's own authority is in no file.
 *
 * @throws HoldfastError CLIENT_MISSING
 */
export async function readAuthorities(ca: string | undefined): Promise<Trust> {
  if (ca !== undefined) return { ca, caFile: '' };
  try {
    return { ca: await readFile(SYSTEM_CA_FILE, 'utf8'), caFile: SYSTEM_CA_FILE };
  } catch (cause) {
    throw new HoldfastError('CLIENT_MISSING', `${SYSTEM_CA_FILE} is not in this image.`, {
      hint: 'Install ca-certificates in the image, or put the authority into the secret as "ca".',
      cause,
    });
  }
}
