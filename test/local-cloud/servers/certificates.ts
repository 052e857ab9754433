import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Run } from './run.ts';

/** A local certificate authority, and one server certificate for `127.0.0.1`, `::1` and `localhost`. */
export interface Certificates {
  readonly caPem: string;
  /** For `NODE_EXTRA_CA_CERTS` and `sslrootcert`. */
  readonly caFile: string;
  readonly certFile: string;
  /** Mode 0600, owned by the user who runs this. */
  readonly keyFile: string;
}

const EXTENSIONS = `subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
`;

const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** Makes both, valid for two days: a run lasts minutes. */
export async function makeCertificates(run: Run): Promise<Certificates> {
  const directory = join(run.directory, 'certificates');
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const file = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => execa('openssl', args, { cwd: directory });

  await writeFile(file('server.extensions'), EXTENSIONS);
  await openssl(
    ...['req', '-x509', ...EC_KEY, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2'],
    ...[
      '-subj',
      '/CN=Holdfast local authority',
      '-addext',
      'keyUsage=critical,keyCertSign,cRLSign',
    ],
  );
  await openssl(
    ...['req', ...EC_KEY, '-keyout', 'server.key', '-out', 'server.csr'],
    ...['-subj', '/CN=localhost'],
  );
  await openssl(
    ...[
      'x509',
      '-req',
      '-in',
      'server.csr',
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
    ],
    ...['-days', '2', '-extfile', 'server.extensions', '-out', 'server.pem'],
  );
  return {
    caPem: await readFile(file('ca.pem'), 'utf8'),
    caFile: file('ca.pem'),
    certFile: file('server.pem'),
    keyFile: file('server.key'),
  };
}
