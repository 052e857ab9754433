import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { HoldfastError } from '../../../contract/errors.ts';
import { type TargetServer, whereabouts } from '../restore/target-connection.ts';
import { SYSTEM_CA_FILE } from '../source/trust.ts';

/**
 * The first major version whose libpq takes `sslrootcert=system` for the machine's own authorities; for an
 * older one that is a file's name.
 *
 * @see https://www.postgresql.org/docs/16/libpq-connect.html#LIBPQ-CONNECT-SSLROOTCERT
 */
const SYSTEM_SINCE = 16;

/**
 * The server to follow as its standby will see it: it trusts whom that will trust, and its files are found
 * from the data directory, too.
 *
 * @param major of the standby.
 * @param systemCaFile where the machine's own authorities are, in one file.
 * @throws HoldfastError RESTORE_REFUSED where the standby could read them nowhere
 */
export async function asStandbySees(
  server: TargetServer,
  major: number,
  systemCaFile = SYSTEM_CA_FILE,
): Promise<TargetServer> {
  const { caFile, certFile, keyFile } = server;
  const seen: TargetServer = {
    ...server,
    authorities: 'system',
    ...(caFile === undefined ? {} : { caFile: resolve(caFile) }),
    ...(certFile === undefined ? {} : { certFile: resolve(certFile) }),
    ...(keyFile === undefined ? {} : { keyFile: resolve(keyFile) }),
  };
  const verifies = server.sslmode === 'verify-full' && !server.host.startsWith('/');
  if (!verifies || caFile !== undefined || major >= SYSTEM_SINCE) return seen;
  await access(systemCaFile).catch((cause: unknown) => {
    throw new HoldfastError(
      'RESTORE_REFUSED',
      `A standby of PostgreSQL ${major} has nothing to verify the certificate of ${whereabouts(server)} with: ${systemCaFile} is not there.`,
      {
        hint: `Name a file with the authorities that it is to trust, which stays there: --ca FILE. From PostgreSQL ${SYSTEM_SINCE} on it would find the machine's own.`,
        cause,
      },
    );
  });
  return { ...seen, caFile: systemCaFile };
}
