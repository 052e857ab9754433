import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
} from '@aws-sdk/client-s3';
import { build } from 'esbuild';
import { startTaskFunctionName } from '../../contract/environment-names.ts';
import { type Manifest, manifestOfKind, parseManifest } from '../../contract/manifest.ts';
import type { BackupKind, BackupType } from '../../contract/names.ts';
import { StartTaskAnswer } from '../../contract/request.ts';
import { artifactKey, manifestKey } from '../../contract/vault-keys.ts';
import { type LocalCloud, startLocalCloud, type TaskView } from '../local-cloud/local-cloud.ts';
import { type PostgresServer, startLoneServer } from '../local-cloud/servers/postgres.ts';
import { copyDataset, type Dataset, openDataset } from './dataset.ts';

const run = promisify(execFile);

/** The one cluster of test/fixtures/environments/bench.ts. */
export const CLUSTER = 'orders';
/** Without Object Lock: for the alternatives' plain uploads. */
export const PLAIN_BUCKET = 'plain-uploads';

/** A local cloud whose standby serves a dataset, and the alternatives' uploader, bundled. */
export interface BenchCloud {
  readonly cloud: LocalCloud;
  /** Directory on the host, mounted into the alternatives' containers. */
  readonly tools: string;
  /** On the host: the primary's files and the standby's, a directory each. */
  readonly dataDirectory: string;
  stop(): Promise<void>;
}

export interface BenchCloudOptions {
  /** Whether rows are to change: then it serves a copy. @default false */
  readonly changes?: boolean;
}

export async function startBenchCloud(
  dataset: Dataset,
  log: (line: string) => void,
  { changes = false }: BenchCloudOptions = {},
): Promise<BenchCloud> {
  const open = changes ? copyDataset : openDataset;
  const { directory, release } = await open(dataset, log);
  try {
    await run(process.execPath, [
      fileURLToPath(new URL('../../scripts/build.ts', import.meta.url)),
    ]);
    const cloud = await startLocalCloud({
      ...{ environment: 'bench', dataDirectory: directory, streamers: false },
    });
    const tools = join(cloud.directory, 'bench-tools');
    const stop = async (): Promise<void> => {
      await cloud.stop();
      await release();
    };
    try {
      await mkdir(tools, { recursive: true, mode: 0o755 });
      await bundleUploader(tools);
      await cloud.s3.send(new CreateBucketCommand({ Bucket: PLAIN_BUCKET }));
      return { cloud, tools, dataDirectory: directory, stop };
    } catch (error) {
      await stop();
      throw error;
    }
  } catch (error) {
    await release();
    throw error;
  }
}

async function bundleUploader(directory: string): Promise<void> {
  await build({
    entryPoints: [fileURLToPath(new URL('upload.ts', import.meta.url))],
    outfile: join(directory, 'upload.mjs'),
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
}

export interface BackupTaken<Kind extends BackupKind> {
  readonly manifest: Extract<Manifest, { kind: Kind }>;
  /** Of the whole task: from the start of its container to its removal. */
  readonly seconds: number;
  /** Objects that it left in the vault, manifest included. */
  readonly objects: number;
}

let requests = 0;

/** What is asked for, and who looks at the task while it runs. */
export interface BackupWanted<Kind extends BackupKind> {
  readonly kind: Kind;
  /** @default 'full' */
  readonly type?: BackupType;
  readonly during?: (task: TaskView) => Promise<void>;
}

/** Takes a backup as a person does. */
export async function takeBackup<Kind extends BackupKind>(
  { cloud }: BenchCloud,
  { kind, type = 'full', during }: BackupWanted<Kind>,
): Promise<BackupTaken<Kind>> {
  requests += 1;
  const { payload, failed } = await cloud.invoke(startTaskFunctionName(cloud.environment), {
    action: 'backup',
    cluster: CLUSTER,
    kind,
    type,
    requestId: `bench-${requests}`,
    requestedAt: new Date().toISOString(),
  });
  if (failed) throw new Error(`start-task failed: ${JSON.stringify(payload)}`);
  const { taskArn, label } = StartTaskAnswer.parse(payload);
  const watching = during === undefined ? undefined : cloud.task(taskArn).then(during);
  const [end] = await Promise.all([cloud.waitForTask(taskArn, { timeoutSeconds: 600 }), watching]);
  if (end.exitCode !== 0 || end.seconds === undefined) {
    throw new Error(`The backup ended with ${end.exitCode}: ${readFileSync(end.logFile, 'utf8')}`);
  }
  const key = manifestKey(CLUSTER, label);
  const { Body } = await cloud.s3.send(new GetObjectCommand({ Bucket: cloud.bucket, Key: key }));
  const manifest = manifestOfKind(
    parseManifest((await Body?.transformToString()) ?? '', key),
    kind,
  );
  if (manifest.source.role !== 'replica') throw new Error('The primary served, not the standby.');
  const { Versions = [] } = await cloud.s3.send(
    new ListObjectVersionsCommand({
      Bucket: cloud.bucket,
      Prefix: artifactKey(CLUSTER, label, ''),
    }),
  );
  return { manifest, seconds: end.seconds, objects: Versions.length + 1 };
}

/** An empty server for restores, that nothing streams from. */
export async function startTarget({ cloud }: BenchCloud): Promise<PostgresServer> {
  const file = (name: string): string => join(dirname(cloud.caFile), name);
  const run = { id: cloud.run, directory: cloud.directory, stop: async () => undefined };
  const certificates = {
    caFile: cloud.caFile,
    caPem: readFileSync(cloud.caFile, 'utf8'),
    certFile: file('server.pem'),
    keyFile: file('server.key'),
  };
  return await startLoneServer({ run, certificates }, 'target');
}
