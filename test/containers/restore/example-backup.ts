import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { pack } from 'tar-stream';
import type { Artifact, ArtifactStream } from '../../../contract/artifacts.ts';
import type { DirectoryEntry, LogicalManifest } from '../../../contract/logical-manifest.ts';
import { manifestOfKind, parseManifest } from '../../../contract/manifest.ts';
import { buildPackInventory, PACK_INVENTORY } from '../../../contract/pack-inventory.ts';
import { artifactKey, manifestKey } from '../../../contract/vault-keys.ts';
import type { OpenDataKeys } from '../../../vault/decryption/decryption-keyring.ts';
import type { PostgresServer } from '../../local-cloud/servers/postgres.ts';
import { collect, digestOf, encryptExample } from '../../vault/example-message.ts';
import { type FakeS3, put } from '../../vault/fake-s3.ts';

const TIME = '2026-11-20T03:00:00Z';

export interface ExampleOptions {
  readonly cluster?: string;
  readonly label?: string;
  readonly database?: string;
  /** Files of the dump's directory, by name. */
  readonly files: Readonly<Record<string, Buffer>>;
  /** Files from this size on get artifacts of their own, bytes. */
  readonly bigFrom?: number;
  /** Streams are cut after so many bytes. */
  readonly cutEvery?: number;
}

/**
 * Dumps a database with the server's own `pg_dump`, in directory format.
 *
 * @param directory where the dump's directory is made, `dump`.
 * @param options of pg_dump besides.
 * @returns its files.
 */
export async function dumpDatabase(
  server: Pick<PostgresServer, 'exec' | 'uriFor'>,
  database: string,
  directory: string,
  options = '-Z zstd:1',
): Promise<Record<string, Buffer>> {
  const { stdout } = await server.exec([
    ...['sh', '-c'],
    `d=$(mktemp -d) && pg_dump -Fd ${options} -f "$d/dump" "$1" && tar -C "$d/dump" -c . | base64`,
    ...['sh', `${server.uriFor({ database })}&sslrootcert=/var/lib/postgresql/tls/ca.pem`],
  ]);
  const dump = join(directory, 'dump');
  await mkdir(dump);
  await execa('tar', ['-C', dump, '-x'], { input: Buffer.from(stdout, 'base64') });
  return await readDumpDirectory(dump);
}

/** A dump's directory as it lies on disk. */
async function readDumpDirectory(directory: string): Promise<Record<string, Buffer>> {
  const names = await readdir(directory);
  const files = await Promise.all(
    names.map(async (name) => [name, await readFile(join(directory, name))] as const),
  );
  return Object.fromEntries(files);
}

/** Puts a backup of one database into the vault, as the runner would have, and returns its manifest. */
export async function putExampleBackup(
  fake: FakeS3,
  dataKeys: OpenDataKeys,
  options: ExampleOptions,
): Promise<LogicalManifest> {
  const { cluster = 'orders', label = '20261120T030000Z-logical-full-7f3a9c' } = options;
  const { database = 'shop', files, bigFrom = 1_000_000, cutEvery = 1_000_000 } = options;
  const artifacts: Artifact[] = [];

  async function putStream(name: string, bytes: Buffer): Promise<ArtifactStream> {
    const names: string[] = [];
    for (let at = 0; at === 0 || at < bytes.length; at += cutEvery) {
      const artifact = `${name}.${String(names.length + 1).padStart(4, '0')}`;
      const plain = bytes.subarray(at, at + cutEvery);
      const context = { cluster, backup: label, artifact };
      const cipher = await encryptExample(plain, context, dataKeys, 65_536);
      const key = artifactKey(cluster, label, artifact);
      const versionId = put(fake, key, cipher);
      artifacts.push({
        name: artifact,
        key,
        versionId,
        etag: '"e"',
        parts: 1,
        plain: digestOf(plain),
        cipher: digestOf(cipher),
      });
      names.push(artifact);
    }
    return { artifacts: names, bytes: bytes.length };
  }

  const small = Object.entries(files).filter(([, bytes]) => bytes.length < bigFrom);
  const big = Object.entries(files).filter(([, bytes]) => bytes.length >= bigFrom);
  const bigFiles = [];
  for (const [name, bytes] of big) {
    bigFiles.push({ name, ...(await putStream(`db-1/${name}`, bytes)) });
  }
  const inventory = bigFiles.map(({ name, artifacts: pieces }) => [
    name,
    pieces.map((piece) => artifacts.find((one) => one.name === piece)?.plain),
  ]);
  const tar = pack();
  for (const [name, bytes] of small) tar.entry({ name, size: bytes.length }, bytes);
  tar.entry({ name: PACK_INVENTORY }, buildPackInventory(Object.fromEntries(inventory)));
  tar.finalize();
  const packed = await putStream('db-1/pack.tar', await collect(tar as AsyncIterable<Buffer>));
  const named = small.map(([name]) => name).filter((name) => !/^blob_\d+\.dat/.test(name));
  const entry: DirectoryEntry = {
    name: database,
    oid: 1,
    sizeBytes: 10_000_000,
    owner: 'postgres',
    encoding: 'UTF8',
    collate: 'C',
    ctype: 'C',
    localeProvider: 'libc',
    locale: null,
    collationVersion: { recorded: null, actual: null },
    snapshotAt: TIME,
    snapshotLsn: '0/1',
    dataAsOf: TIME,
    format: 'directory',
    compression: 'zstd:1',
    extensions: [{ name: 'plpgsql', version: '1.0' }],
    contents: { tocEntries: 1, tableData: 1, largeObjects: 0 },
    pack: { ...packed, files: named, largeObjectFiles: small.length - named.length },
    files: [],
  };
  const globals = await putStream('globals.sql', Buffer.from('CREATE ROLE shop;\n'));
  const manifest = {
    version: 1,
    label,
    environment: 'test',
    cluster,
    kind: 'logical',
    type: 'full',
    request: {
      action: 'backup',
      cluster,
      kind: 'logical',
      label,
      attempt: 0,
      askedBy: { by: 'schedule', schedule: 'nightly', scheduledTime: TIME },
    },
    startedAt: TIME,
    finishedAt: '2026-11-20T03:01:00Z',
    attempts: 1,
    server: {
      platform: 'PostgreSQL 17.12 on x86_64-pc-linux-gnu, compiled by gcc, 64-bit',
      dataChecksums: true,
      walSegmentBytes: 16_777_216,
      sharedPreloadLibraries: [],
      collationVersions: { libc: '2.41', icu: '153.128' },
    },
    commonPoint: null,
    tried: [],
    source: {
      role: 'replica',
      host: 'replica.example',
      address: '192.0.2.1',
      port: 5432,
      uriIndex: 0,
      systemIdentifier: '7',
      timeline: 1,
      serverVersion: '17.11',
      postmasterStartedAt: TIME,
      lsn: '0/1',
      replayLagSeconds: 0.5,
      lagProbe: 'receiver',
      sslmode: 'verify-full',
    },
    versions: { holdfast: '0.1.0', pgDump: '17.11', node: '24.21.0' },
    globals: { ...globals, rolePasswords: false },
    databases: [{ ...entry, files: bigFiles }],
    dumpAll: null,
    notIncluded: [{ what: 'role passwords', why: 'not asked for' }],
    warnings: [],
    encryption: { format: 'aws-encryption-sdk', algorithmSuite: 'x', kmsKeyArn: 'arn' },
    lock: { mode: 'COMPLIANCE', retainUntil: '2026-12-20T03:00:00Z' },
    artifacts,
    durations: { dump: 50 },
    peak: { rssBytes: 1, spoolBytes: 1 },
    spool: { capBytes: 1, punchHole: true },
  };
  const text = JSON.stringify(manifest);
  put(fake, manifestKey(cluster, label), text);
  return manifestOfKind(parseManifest(text, 'example'), 'logical');
}
