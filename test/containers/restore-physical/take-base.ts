import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import { completeArtifacts, writeManifest } from '../../../vault/commit.ts';
import { type PendingStream, StreamUpload } from '../../../vault/stream-upload.ts';
import { examplePhysicalManifest } from '../../fixtures/example-physical-manifest.ts';
import type { PostgresServer } from '../../local-cloud/servers/postgres.ts';
import type { RealVault } from '../../vault/real-vault.ts';

/** Inside the server's container: where backups lie, so that incrementals find their parent's manifest. */
const PLACE = '/var/lib/postgresql/taken';

export interface BaseOptions {
  readonly label: string;
  /** Rests on this one, and on what that rests on. */
  readonly parent?: PhysicalManifest;
  /** Without the WAL that makes it consistent. */
  readonly withoutWal?: boolean;
  readonly change?: Partial<PhysicalManifest>;
}

/** Takes a base backup with the server's own pg_basebackup, and puts it into the vault. */
export async function takeBase(
  server: Pick<PostgresServer, 'exec' | 'query' | 'container' | 'uri'>,
  vault: RealVault,
  { label, parent, withoutWal = false, change = {} }: BaseOptions,
): Promise<PhysicalManifest> {
  const directory = `${PLACE}/${label}`;
  const startedAt = new Date().toISOString();
  await server.exec([
    ...['pg_basebackup', '--pgdata', directory, '--format=tar', '--checkpoint=fast', '--no-sync'],
    ...['--compress=client-zstd:1', '--manifest-checksums=SHA256'],
    ...['--dbname', `${server.uri}&sslrootcert=/var/lib/postgresql/tls/ca.pem`],
    `--wal-method=${withoutWal ? 'none' : 'stream'}`,
    ...(parent === undefined ? [] : [`--incremental=${PLACE}/${parent.label}/backup_manifest`]),
  ]);
  const backup = vault.backup(label);
  const upload = async (file: string, name: string): Promise<PendingStream> => {
    const stream = new StreamUpload(backup, name);
    const cat = spawn('podman', ['exec', server.container, 'cat', `${directory}/${file}`]);
    for await (const chunk of cat.stdout) await stream.write(chunk as Buffer);
    const [code] = cat.exitCode === null ? await once(cat, 'exit') : [cat.exitCode];
    if (code !== 0) throw new Error(`${file} could not be read`);
    return await stream.finish();
  };
  const { rows } = await server.query(
    "SELECT oid::int, spcname, pg_tablespace_location(oid) AS location FROM pg_tablespace WHERE spcname NOT LIKE 'pg_%' ORDER BY oid",
  );
  const spaces = rows as { oid: number; spcname: string; location: string }[];
  const base = await upload('base.tar.zst', 'base.tar.zst');
  const wal = withoutWal ? undefined : await upload('pg_wal.tar', 'pg_wal.tar');
  const backupManifest = await upload('backup_manifest', 'backup_manifest');
  const tars: PendingStream[] = [];
  for (const { oid } of spaces) {
    tars.push(await upload(`${oid}.tar.zst`, `tablespace-${oid}.tar.zst`));
  }
  const pending = [base, ...(wal ? [wal] : []), backupManifest, ...tars];
  const artifacts = await completeArtifacts(
    backup,
    pending.flatMap((one) => one.artifacts),
  );
  const stream = ({ bytes, artifacts: own }: PendingStream) => ({
    artifacts: own.map(({ name }) => name),
    bytes,
  });
  const facts = await describeBase(server, directory);
  const example = examplePhysicalManifest();
  const manifest = examplePhysicalManifest({
    ...facts,
    label,
    startedAt,
    finishedAt: new Date().toISOString(),
    type: parent === undefined ? 'full' : 'incremental',
    chain: parent === undefined ? [] : [...parent.chain, parent.label],
    request: { ...example.request, label },
    server: { ...example.server, sharedPreloadLibraries: [] },
    source: { ...example.source, systemIdentifier: facts.systemIdentifier, serverVersion: '17.11' },
    start: { ...facts.start, at: startedAt },
    stop: { ...facts.stop, at: new Date().toISOString() },
    wal: withoutWal ? 'archive' : 'stream',
    base: stream(base),
    walTar: wal === undefined ? null : stream(wal),
    backupManifest: stream(backupManifest),
    tablespaces: spaces.map(({ oid, spcname, location }, at) => ({
      ...{ oid, name: spcname, location },
      tar: stream(tars[at] as PendingStream),
    })),
    artifacts,
    ...change,
  });
  const { systemIdentifier: _, ...written } = manifest as typeof manifest & {
    systemIdentifier?: string;
  };
  await writeManifest(backup, written);
  return written;
}

async function describeBase(server: Pick<PostgresServer, 'exec' | 'query'>, directory: string) {
  const { stdout } = await server.exec(['cat', `${directory}/backup_manifest`]);
  const listed = JSON.parse(stdout) as {
    Files: { Size: number }[];
    'WAL-Ranges': { Timeline: number; 'Start-LSN': string; 'End-LSN': string }[];
  };
  const [range] = listed['WAL-Ranges'];
  if (range === undefined) throw new Error('The backup_manifest names no WAL.');
  const { rows } = await server.query(
    'SELECT system_identifier::text AS system FROM pg_control_system()',
  );
  return {
    systemIdentifier: (rows[0] as { system: string }).system,
    start: { lsn: range['Start-LSN'], timeline: range.Timeline },
    stop: { lsn: range['End-LSN'], timeline: range.Timeline },
    files: {
      count: listed.Files.length,
      bytes: listed.Files.reduce((sum, { Size }) => sum + Size, 0),
    },
  };
}
