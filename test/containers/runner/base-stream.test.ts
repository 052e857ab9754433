import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zstdCompressSync } from 'node:zlib';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { canPunchHoles } from '../../../containers/runner/engine/hole-punch.ts';
import { SpoolGuard } from '../../../containers/runner/engine/spool-guard.ts';
import { BaseStream, type StreamedBase } from '../../../containers/runner/physical/base-stream.ts';
import { withOwnUploads } from '../../../containers/runner/physical/own-uploads.ts';
import { Child } from '../../../containers/runner/process/child.ts';
import type { BackupVault } from '../../../vault/backup-vault.ts';
import { completeArtifacts } from '../../../vault/commit.ts';
import { type RealVault, startRealVault } from '../../vault/real-vault.ts';
import { FILES, LISTED, manifestOf, SPACE, tarOf } from './example-base.ts';

const FIXTURE = fixture('base-backup.sh');
const WAL = { '000000010000000000000003': 'w'.repeat(1024) };

let vault: RealVault;
let from: string;
let directory: string;
/** `base.tar.zst` */
let whole: Buffer;
let labels = 0;

beforeAll(async () => {
  vault = await startRealVault();
});
afterAll(() => vault.stop());
beforeEach(async () => {
  const parent = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-base-')));
  [from, directory] = [join(parent, 'from'), join(parent, 'to')];
  for (const each of [from, directory]) await mkdir(each);
  await writeFile(join(from, '16400.tar.zst'), zstdCompressSync(await tarOf(SPACE)));
  whole = zstdCompressSync(await tarOf(FILES));
  await writeFile(join(from, 'base.tar.zst'), whole);
  await writeFile(join(from, 'pg_wal.tar'), await tarOf(WAL, []));
  await writeFile(join(from, 'backup_manifest'), manifestOf(LISTED));
});
afterEach(() => rm(join(directory, '..'), { recursive: true, force: true }));

function fixture(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
}

function newBackup(): BackupVault {
  labels += 1;
  return vault.backup(`20261120T04000${labels}Z-physical-full-8a4b0d`);
}

const LOG = { info: () => {}, warn: () => {}, error: () => {}, hide: () => {} };

const CAP_MIB = 64;

async function stream(
  backup: BackupVault,
  args: readonly string[],
  command = FIXTURE,
): Promise<StreamedBase> {
  const capBytes = CAP_MIB * 1024 * 1024;
  const guard = await SpoolGuard.start(directory, { capBytes });
  try {
    return await withOwnUploads(backup, LOG, async (own) => {
      const child = await Child.start({
        ...{ command, args },
        environment: { PATH: process.env.PATH ?? '' },
        cwd: directory,
        signal: own.signal,
      });
      const punchHole = await canPunchHoles(from);
      return await new BaseStream({
        ...{ child, directory, compression: 'zstd:1', vault: own },
        spool: { capBytes, punchHole, maxBytesPerSecond: undefined, guard },
        failure: ({ code }) => new Error(`status ${code}: ${child.stderr.tail}`),
      }).run();
    });
  } finally {
    await guard.stop();
  }
}

test('all that was written is in the vault, each tar by itself, and nothing in the spool', async () => {
  const backup = newBackup();
  const streamed = await stream(backup, [from, directory, '0']);
  expect(streamed.checked.files.count).toBe(5);
  expect([...streamed.tablespaces.keys()]).toEqual([16400]);
  expect([...streamed.walFiles]).toEqual(Object.keys(WAL));
  expect(await readdir(directory)).toEqual([]);
  const { base, wal, backupManifest, tablespaces } = streamed;
  if (wal === undefined) throw new Error('There is no WAL.');
  const streams = [base, wal, backupManifest, ...tablespaces.values()];
  const artifacts = await completeArtifacts(
    backup,
    streams.flatMap((one) => one.artifacts),
  );
  expect(artifacts.map(({ name }) => name)).toEqual([
    'base.tar.0001',
    'pg_wal.tar.0001',
    'backup_manifest.0001',
    'tablespace-16400.tar.0001',
  ]);
  expect(artifacts[0]?.plain).toEqual({
    bytes: whole.length,
    sha256: createHash('sha256').update(whole).digest('hex'),
  });
});

describe('nothing is left of one', () => {
  test.each([
    ['that ends with another status, though all of it is there', ['1'], 'status 1: pg_basebackup'],
    ['without a tablespace', ['0', '16400.tar.zst'], 'pg_tblspc/16400/PG_17_202406281/5/16390'],
    ['without its base', ['0', 'base.tar.zst'], 'these files of backup_manifest are missing'],
  ])('%s', async (_, how, message) => {
    await expect(stream(newBackup(), [from, directory, ...how])).rejects.toThrow(message);
    expect(await vault.openUploads()).toEqual([]);
  });

  test('whose WAL lacks its end', async () => {
    await writeFile(join(from, 'pg_wal.tar'), (await tarOf(WAL, [])).subarray(0, -1024));
    await expect(stream(newBackup(), [from, directory, '0'])).rejects.toThrow(
      'pg_wal.tar is not a whole tar',
    );
    expect(await vault.openUploads()).toEqual([]);
  });

  test('whose WAL is about to fill the disk', async () => {
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', directory]);
    try {
      // An eighth is to stay free.
      const flood = stream(newBackup(), [directory, '29'], fixture('flooding-base-backup.sh'));
      await expect(flood).rejects.toMatchObject({
        code: 'SPOOL_STALLED',
        message: expect.stringMatching(/ has 3 of 32 MiB left, and 29 MiB of WAL lie on it/),
      });
    } finally {
      await execa('umount', ['--lazy', directory]);
    }
    expect(await vault.openUploads()).toEqual([]);
  });

  test('but not of one that leaves enough of it', async () => {
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', directory]);
    try {
      await expect(stream(newBackup(), [from, directory, '0'])).resolves.toBeDefined();
    } finally {
      await execa('umount', ['--lazy', directory]);
    }
  });
});
