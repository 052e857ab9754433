import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { CA_PATH } from '../local-cloud/platform/tasks.ts';
import { DATA } from '../local-cloud/servers/postgres-scripts.ts';
import { type BenchCloud, PLAIN_BUCKET } from './bench-cloud.ts';
import { contendersImage } from './contenders-image.ts';
import { type ContainerExtras, inContainer, superuserEnvironment } from './in-container.ts';

/** `pg_basebackup` from the standby to local disk, compressed, and nothing else. Seconds. */
export async function bareBaseBackup(bench: BenchCloud, volume?: string): Promise<number> {
  return await inContainer(
    bench,
    'rm -rf /spool/base && pg_basebackup -Ft --compress=client-zstd:1 -X stream -c fast -D /spool/base',
    superuserEnvironment(bench.cloud.standby),
    volume === undefined ? {} : { volume },
  );
}

/** A tool that reads the primary's files beside the server, and writes to the same S3 server. */
export interface BaseContender {
  /** `pgBackRest 2.55.1`. */
  readonly version: string;
  /** Takes a full backup. Seconds. */
  backup(): Promise<number>;
}

/** pgBackRest: compressed with zstd level 1, encrypted, two processes. */
export async function pgBackRest(
  bench: BenchCloud,
  log: (line: string) => void,
): Promise<BaseContender> {
  const { cloud } = bench;
  const { primary } = cloud;
  const { hostname, port } = new URL(cloud.s3Endpoint);
  const { accessKeyId, secretAccessKey } = cloud.principals.admin;
  const options = {
    STANZA: 'bench',
    PG1_PATH: DATA,
    PG1_PORT: String(primary.port),
    PG1_USER: 'postgres',
    REPO1_TYPE: 's3',
    REPO1_PATH: `/pgbackrest-${randomBytes(4).toString('hex')}`,
    REPO1_S3_BUCKET: PLAIN_BUCKET,
    REPO1_S3_ENDPOINT: hostname,
    REPO1_S3_REGION: cloud.region,
    REPO1_S3_URI_STYLE: 'path',
    REPO1_S3_KEY: accessKeyId,
    REPO1_S3_KEY_SECRET: secretAccessKey,
    REPO1_STORAGE_PORT: port,
    REPO1_STORAGE_CA_FILE: CA_PATH,
    REPO1_CIPHER_TYPE: 'aes-256-cbc',
    REPO1_CIPHER_PASS: 'bench',
    COMPRESS_TYPE: 'zst',
    COMPRESS_LEVEL: '1',
    PROCESS_MAX: '2',
    START_FAST: 'y',
    // No WAL is archived here: it neither asks for that nor waits for the backup's own WAL.
    ARCHIVE_CHECK: 'n',
    EXPIRE_AUTO: 'n',
    LOCK_PATH: '/spool/lock',
    LOG_LEVEL_FILE: 'off',
    LOG_LEVEL_CONSOLE: 'warn',
  };
  const environment = {
    ...superuserEnvironment(primary),
    ...Object.fromEntries(
      Object.entries(options).map(([name, value]) => [`PGBACKREST_${name}`, value]),
    ),
  };
  const extras = await beside(bench, log);
  const run = (script: string) => inContainer(bench, script, environment, extras);
  await run('pgbackrest stanza-create');
  return { version: 'pgBackRest 2.55', backup: () => run('pgbackrest --type=full backup') };
}

/** barman-cloud-backup with two jobs; as it comes, it neither compresses nor encrypts. */
export async function barmanCloudBackup(
  bench: BenchCloud,
  log: (line: string) => void,
): Promise<BaseContender> {
  const { cloud } = bench;
  const { accessKeyId, secretAccessKey } = cloud.principals.admin;
  const environment = {
    ...superuserEnvironment(cloud.primary),
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_DEFAULT_REGION: cloud.region,
    AWS_CA_BUNDLE: CA_PATH,
    TMPDIR: '/spool',
    HOME: '/spool',
  };
  const extras = await beside(bench, log);
  const place = `s3://${PLAIN_BUCKET}/barman-${randomBytes(4).toString('hex')}`;
  const command = [
    ...['barman-cloud-backup', '--cloud-provider', 'aws-s3', '--endpoint-url', cloud.s3Endpoint],
    ...['--jobs', '2', '--immediate-checkpoint', place, 'bench'],
  ].join(' ');
  return {
    version: 'barman-cloud 3.13',
    backup: () => inContainer(bench, command, environment, extras),
  };
}

/** In the primary's place: its user and its files. */
async function beside(bench: BenchCloud, log: (line: string) => void): Promise<ContainerExtras> {
  return {
    image: await contendersImage(log),
    user: 'postgres',
    readOnly: false,
    mounts: [{ from: join(bench.dataDirectory, 'primary'), path: DATA, readOnly: true }],
  };
}
