import { appendFile, chown, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseWalKey, walPrefix } from '../../contract/wal-keys.ts';
import { listVersions } from '../../vault/object-versions.ts';
import { archivedSegment } from '../containers/runner/wal/archived-wal.ts';
import type { Certificates } from '../local-cloud/servers/certificates.ts';
import { type PostgresServer, startLoneServer } from '../local-cloud/servers/postgres.ts';
import { DATA } from '../local-cloud/servers/postgres-scripts.ts';
import type { Run } from '../local-cloud/servers/run.ts';
import { waitUntil } from '../local-cloud/servers/wait-until.ts';
import type { RealVault } from '../vault/real-vault.ts';

/** Where the base backup is written, in the container and on the host. */
export const BASE_MOUNT = '/base';

/**
 * Takes a base backup without WAL: what it needs has to come from the vault.
 *
 * @param base what is mounted as `BASE_MOUNT`, on the host.
 */
export async function takeBase(server: PostgresServer, base: string): Promise<void> {
  const { stdout: uid } = await server.exec(['id', '-u']);
  const { stdout: gid } = await server.exec(['id', '-g']);
  await chown(base, Number(uid), Number(gid));
  await server.exec([
    'sh',
    '-c',
    `PATH=/usr/lib/postgresql/17/bin:$PATH PGPASSWORD=$PASSWORD pg_basebackup --no-sync --checkpoint=fast -X none \\
      -D ${BASE_MOUNT}/data -d "host=127.0.0.1 port=$PORT user=postgres sslmode=verify-full sslrootcert=/var/lib/postgresql/tls/ca.pem"`,
  ]);
}

export interface RestoreOptions {
  readonly run: Run;
  readonly certificates: Certificates;
  readonly vault: RealVault;
  readonly cluster: string;
  /** On the host, with the base backup in `data`. */
  readonly base: string;
}

/** Brings the base backup to the end of the WAL that the vault has, and starts the server. */
export async function restoreLatest(options: RestoreOptions): Promise<PostgresServer> {
  const { run, certificates, vault, cluster, base } = options;
  const archive = join(base, 'archive');
  await mkdir(archive, { mode: 0o755 });
  for (const name of await walNames(vault, cluster)) {
    const bytes = await archivedSegment(vault, cluster, name);
    if (bytes !== undefined) await writeFile(join(archive, name), bytes, { mode: 0o644 });
  }
  const data = join(base, 'data');
  await appendFile(join(data, 'postgresql.auto.conf'), RECOVERY);
  const signal = join(data, 'recovery.signal');
  await writeFile(signal, '');
  // The server removes it.
  const { uid, gid } = await stat(data);
  await chown(signal, uid, gid);
  const volumes = [`${data}:${DATA}`, `${archive}:/archive:ro`];
  const server = await startLoneServer({ run, certificates }, 'restored', volumes);
  await waitUntil(
    async () => {
      const { rows } = await server.query('SELECT pg_is_in_recovery() AS recovering');
      return rows[0].recovering === false;
    },
    { what: 'recovery to end', timeoutMs: 120_000 },
  );
  return server;
}

const RECOVERY = `
restore_command = 'cp /archive/%f %p'
`;

/** Names of all segments that the vault has, whole or not. */
async function walNames(vault: RealVault, cluster: string): Promise<string[]> {
  const names = new Set<string>();
  for await (const { key } of listVersions(vault, walPrefix(cluster))) {
    const found = parseWalKey(key);
    if (found?.is === 'segment' || found?.is === 'increment') names.add(found.segment);
  }
  return [...names].sort();
}
