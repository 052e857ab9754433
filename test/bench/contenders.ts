import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { execa } from 'execa';
import { createVolume } from '../local-cloud/platform/container.ts';
import { CA_PATH } from '../local-cloud/platform/tasks.ts';
import { BACKUP_ROLE } from '../local-cloud/seed.ts';
import type { PostgresServer } from '../local-cloud/servers/postgres.ts';
import { STOCK_TOOLS } from '../local-cloud/stock-tools.ts';
import { type BenchCloud, PLAIN_BUCKET } from './bench-cloud.ts';
import { DATABASE } from './dataset.ts';
import { inContainer, libpqEnvironment, superuserEnvironment } from './in-container.ts';

const run = promisify(execFile);

// As people run it, with the fsync that pg_dump does of its own accord.
const DIRECTORY_DUMP = `pg_dump -Fd -j2 -Z zstd:1 -f /spool/dump ${DATABASE}`;

/** `pg_dump` to local disk and nothing else. Seconds. */
export async function bareDump(bench: BenchCloud): Promise<number> {
  return await inContainer(bench, DIRECTORY_DUMP, sourceEnvironment(bench));
}

/** The same, and then a plain upload of its files with the SDK, four parts at a time. Seconds. */
export async function dumpThenUpload(bench: BenchCloud): Promise<number> {
  const key = randomBytes(4).toString('hex');
  const upload = `node /bench-tools/upload.mjs ${PLAIN_BUCKET} ${key} /spool/dump/*`;
  return await inContainer(bench, `${DIRECTORY_DUMP} && ${upload}`, {
    ...sourceEnvironment(bench),
    ...uploaderEnvironment(bench),
  });
}

/**
 * A floor under every backup that streams: a dump, and beside it a plain upload of the same files out
 * of an earlier dump. Nothing is encrypted, hashed or waited for. Seconds.
 *
 * @param volume with the earlier dump.
 */
export async function dumpBesideUpload(bench: BenchCloud, volume: string): Promise<number> {
  const key = randomBytes(4).toString('hex');
  const upload = `node /bench-tools/upload.mjs ${PLAIN_BUCKET} ${key} /spool/dump/*`;
  const again = DIRECTORY_DUMP.replace('/spool/dump', '/spool/again');
  const script = `${upload} & uploading=$!; ${again} && wait $uploading && rm -r /spool/again`;
  const environment = { ...sourceEnvironment(bench), ...uploaderEnvironment(bench) };
  return await inContainer(bench, script, environment, { volume });
}

/** What many do today: one dump, through openssl, into a multipart upload of standard input. Seconds. */
export async function pipedDump(bench: BenchCloud): Promise<number> {
  const key = randomBytes(4).toString('hex');
  const dump = `pg_dump -Fc -Z zstd:1 ${DATABASE}`;
  const encrypt = 'openssl enc -aes-256-ctr -pbkdf2 -pass pass:bench';
  // A named pipe: podman's own forwarding of output would slow it down.
  const pipes = join(bench.tools, key);
  await mkdir(pipes);
  await run('mkfifo', ['-m', '666', join(pipes, 'pipe')]);
  await chmod(pipes, 0o755);
  const { environment } = bench.cloud.principals.admin;
  const uploading = execa(
    'sh',
    ['-c', `exec "$0" s3 cp - "$1" --only-show-errors < "$2"`, join(STOCK_TOOLS, 'aws')].concat(
      `s3://${PLAIN_BUCKET}/${key}`,
      join(pipes, 'pipe'),
    ),
    {
      env: { ...environment, AWS_CA_BUNDLE: bench.cloud.caFile, PATH: process.env.PATH },
      extendEnv: false,
    },
  );
  const began = performance.now();
  await Promise.all([
    inContainer(
      bench,
      `set -o pipefail; ${dump} | ${encrypt} > /bench-tools/${key}/pipe`,
      sourceEnvironment(bench),
    ),
    uploading,
  ]);
  return (performance.now() - began) / 1000;
}

/** A dump on a local disk that outlives its container. */
export async function dumpToVolume(bench: BenchCloud): Promise<string> {
  // Two figures have one each.
  const volume = `holdfast-${bench.cloud.run}-bench-dump-${randomBytes(4).toString('hex')}`;
  await createVolume(volume, bench.cloud.run);
  await inContainer(bench, DIRECTORY_DUMP, sourceEnvironment(bench), { volume });
  return volume;
}

/** `pg_restore -j2` from local disk into an empty database. Seconds. */
export async function bareRestore(
  bench: BenchCloud,
  target: PostgresServer,
  volume: string,
): Promise<number> {
  return await inContainer(
    bench,
    `pg_restore --exit-on-error -j2 --no-owner -d ${DATABASE} /spool/dump`,
    superuserEnvironment(target),
    { volume },
  );
}

function sourceEnvironment({ cloud }: BenchCloud): Record<string, string> {
  return libpqEnvironment(cloud.standby, BACKUP_ROLE.user, BACKUP_ROLE.password);
}

function uploaderEnvironment({ cloud }: BenchCloud): Record<string, string> {
  return { ...cloud.principals.admin.environment, NODE_EXTRA_CA_CERTS: CA_PATH };
}
