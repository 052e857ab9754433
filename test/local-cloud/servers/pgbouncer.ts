import { once } from 'node:events';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import type { Certificates } from './certificates.ts';
import { containerArguments, containerExists, podman, removeContainer } from './container.ts';
import { freePort } from './free-port.ts';
import { logTail } from './log-tail.ts';
import type { PostgresServer } from './postgres.ts';
import type { Run } from './run.ts';
import { waitUntil } from './wait-until.ts';

/** `scripts/setup/images.sh` makes it. */
const PGBOUNCER_IMAGE = 'localhost/holdfast-pgbouncer:17';

export interface PgBouncerOptions {
  readonly run: Run;
  readonly certificates: Certificates;
  readonly server: PostgresServer;
  readonly mode: 'session' | 'transaction';
  /** Who may come in, and with which password the server is asked. */
  readonly user: string;
  readonly password: string;
}

export interface PgBouncer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts PgBouncer before a server, over TLS on both sides. */
export async function startPgBouncer(options: PgBouncerOptions): Promise<PgBouncer> {
  const { run, certificates, server, mode, user, password } = options;
  const port = await freePort();
  const name = `pgbouncer-${mode}`;
  const directory = join(run.directory, name);
  await mkdir(directory);
  await writeFile(join(directory, 'pgbouncer.ini'), configuration(server, mode, port));
  const quoted = [user, password].map((text) => `"${text.replaceAll('"', '""')}"`);
  await writeFile(join(directory, 'users.txt'), `${quoted.join(' ')}\n`);
  await chmod(join(directory, 'users.txt'), 0o644);
  const container = `holdfast-${run.id}-${name}`;
  const logFile = join(run.directory, `${name}.log`);
  await podman([
    ...containerArguments(run),
    ...['--detach', '--name', container],
    ...['--volume', `${dirname(certificates.caFile)}:/certificates:ro`],
    ...['--volume', `${directory}:/pgbouncer:ro`],
    ...['--log-driver', 'k8s-file', '--log-opt', `path=${logFile}`],
    ...[PGBOUNCER_IMAGE, 'sh', '-c', START],
  ]);
  const stop = () => removeContainer(container);
  try {
    await waitUntil(
      async () => {
        const socket = connect(port, '127.0.0.1');
        await once(socket, 'connect');
        socket.destroy();
        return true;
      },
      {
        what: 'PgBouncer to answer',
        timeoutMs: 30_000,
        givenUp: async () =>
          (await containerExists(container)) ? undefined : 'its container has ended',
        explain: () => logTail(logFile),
      },
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, stop };
}

/** As root: hands the certificate to the user that it runs as. */
const START = `set -eu
install -d -o postgres -m 700 /tmp/tls
for file in ca.pem server.pem server.key; do
  install -o postgres -m 600 "/certificates/$file" /tmp/tls/
done
exec setpriv --reuid=postgres --regid=postgres --init-groups pgbouncer /pgbouncer/pgbouncer.ini
`;

function configuration(server: PostgresServer, mode: string, port: number): string {
  return `[databases]
* = host=${server.host} port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = /pgbouncer/users.txt
pool_mode = ${mode}
client_tls_sslmode = require
client_tls_key_file = /tmp/tls/server.key
client_tls_cert_file = /tmp/tls/server.pem
server_tls_sslmode = verify-full
server_tls_ca_file = /tmp/tls/ca.pem
`;
}
