import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { S3Client } from '@aws-sdk/client-s3';
import { UploadPartCommand } from '@aws-sdk/client-s3';
import { extract } from 'tar-stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DumpStream, type StreamedDump } from '../../../containers/runner/engine/dump-stream.ts';
import { canPunchHoles } from '../../../containers/runner/engine/hole-punch.ts';
import { SpoolGuard } from '../../../containers/runner/engine/spool-guard.ts';
import { Child } from '../../../containers/runner/process/child.ts';
import { groupMembers } from '../../../containers/runner/process/process-group.ts';
import type { LogicalManifest } from '../../../contract/logical-manifest.ts';
import { PACK_INVENTORY, parsePackInventory } from '../../../contract/pack-inventory.ts';
import type { BackupVault } from '../../../vault/backup-vault.ts';
import { completeArtifacts } from '../../../vault/commit.ts';
import { readArtifactStream } from '../../../vault/fetch-artifact.ts';
import { abortBackup } from '../../../vault/open-uploads.ts';
import type { PendingStream } from '../../../vault/stream-upload.ts';
import { collect } from '../../vault/example-message.ts';
import { CLUSTER, type RealVault, startRealVault } from '../../vault/real-vault.ts';

const MIB = 1024 * 1024;
const FIXTURE = fileURLToPath(new URL('../../fixtures/growing-dump.sh', import.meta.url));

let vault: RealVault;
let directory: string;
let labels = 0;

beforeAll(async () => {
  vault = await startRealVault();
});
afterAll(() => vault.stop());
beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-dump-')));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** A backup, and how a run ends one that failed: everything stops, then nothing is left. */
function startBackup(s3?: Pick<S3Client, 'send'>): {
  backup: BackupVault;
  abort(reason: Error): Promise<void>;
} {
  const controller = new AbortController();
  const backup = vault.backup(nextLabel(), s3, controller.signal);
  return {
    backup,
    abort: async (reason) => {
      controller.abort(reason);
      expect(await abortBackup(backup, reason)).toEqual([]);
      expect(await vault.openUploads()).toEqual([]);
    },
  };
}

function nextLabel(): string {
  labels += 1;
  return `20261120T0500${String(labels).padStart(2, '0')}Z-logical-full-7f3a9c`;
}

interface Attempt {
  readonly bigMiB?: number;
  readonly small?: number;
  readonly status?: number;
  readonly tocMiB?: number;
  readonly capMiB?: number;
  readonly punchHole?: boolean;
  readonly maxMiBPerSecond?: number;
  readonly during?: (child: Child) => Promise<void>;
}

async function stream(
  backup: BackupVault,
  {
    bigMiB = 0,
    small = 0,
    status = 0,
    tocMiB = 0,
    capMiB = 256,
    punchHole = true,
    maxMiBPerSecond,
    during,
  }: Attempt,
): Promise<StreamedDump & { child: Child; packed: string[]; peakSpoolBytes: number }> {
  const capBytes = capMiB * MIB;
  const maxBytesPerSecond = maxMiBPerSecond === undefined ? undefined : maxMiBPerSecond * MIB;
  const guard = await SpoolGuard.start(directory, { capBytes, maxBytesPerSecond });
  const child = await Child.start({
    command: FIXTURE,
    args: [directory, String(bigMiB), String(small), String(status), String(tocMiB)],
    environment: { PATH: process.env.PATH ?? '' },
    cwd: directory,
    signal: backup.signal,
  });
  const packed: string[] = [];
  try {
    const running = new DumpStream({
      child,
      directory,
      prefix: 'db-1',
      vault: backup,
      jobs: 2,
      spool: { capBytes, punchHole, guard, maxBytesPerSecond },
      alwaysPacks: (name) => name === 'toc.dat',
      onPacked: (name) => {
        packed.push(name);
      },
      failure: ({ code, signal }) =>
        new Error(`ended with ${code ?? signal}: ${child.stderr.tail}`),
    }).run();
    const [dump] = await Promise.all([running, during?.(child)]);
    return { ...dump, child, packed, peakSpoolBytes: guard.peakBytes };
  } finally {
    await child.stop();
    await guard.stop();
  }
}

async function readBack(backup: BackupVault, pending: PendingStream): Promise<Buffer> {
  const artifacts = await completeArtifacts(backup, pending.artifacts);
  const manifest = {
    cluster: CLUSTER,
    label: backup.label,
    artifacts,
  } as unknown as LogicalManifest;
  const names = artifacts.map(({ name }) => name);
  return collect(
    readArtifactStream({ vault, dataKeys: vault.dataKeys }, manifest, {
      artifacts: names,
      bytes: pending.bytes,
    }),
  );
}

async function untar(bytes: Buffer): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const entries = Readable.from([bytes]).pipe(extract());
  for await (const entry of entries) files.set(entry.header.name, (await buffer(entry)).toString());
  return files;
}

describe('a dump that grows', () => {
  test('is uploaded whole, small files packed, and its directory emptied', async () => {
    const { backup } = startBackup();
    const dump = await stream(backup, { bigMiB: 40, small: 250 });
    expect([...dump.files.keys()]).toEqual(['1.dat']);
    expect(dump.packed).toHaveLength(252);
    const big = await readBack(backup, dump.files.get('1.dat') as PendingStream);
    expect(big.equals(Buffer.alloc(40 * MIB, 'x'))).toBe(true);
    const packed = await untar(await readBack(backup, dump.pack));
    expect(packed.size).toBe(253);
    const [beside] = dump.files.values();
    expect([...packed.keys()].at(-1)).toBe(PACK_INVENTORY);
    expect(parsePackInventory(packed.get(PACK_INVENTORY) ?? '').files).toEqual({
      '1.dat': beside?.artifacts.map(({ plain }) => plain),
    });
    expect(packed.get('toc.dat')).toBe('toc');
    expect(packed.get('empty.dat')).toBe('');
    expect(packed.get('349.dat')).toBe('row 249\n');
    expect(await readdir(directory)).toEqual([]);
  });

  test('larger than the spool goes through, and stays under its cap', async () => {
    expect(await canPunchHoles(directory)).toBe(true);
    const { backup, abort } = startBackup();
    const dump = await stream(backup, { bigMiB: 300, capMiB: 96 });
    // First: what is left open would fail the tests after this one as well.
    await abort(new Error('not needed'));
    expect(dump.files.get('1.dat')?.bytes).toBe(300 * MIB);
    expect(dump.peakSpoolBytes).toBeLessThan(96 * MIB);
    expect(dump.peakSpoolBytes).toBeGreaterThan(0);
  });

  test('keeps to its rate', async () => {
    const { backup, abort } = startBackup();
    const began = performance.now();
    const dump = await stream(backup, { bigMiB: 300, maxMiBPerSecond: 150 });
    await abort(new Error('not needed'));
    expect(dump.files.get('1.dat')?.bytes).toBe(300 * MIB);
    // Less what may come at once: a quarter of a second, and what is written between two looks.
    expect(performance.now() - began).toBeGreaterThan(1_000);
  });

  test('takes the same bytes where holes cannot be punched', async () => {
    const { backup, abort } = startBackup();
    const dump = await stream(backup, { bigMiB: 30, punchHole: false });
    expect(dump.files.get('1.dat')?.bytes).toBe(30 * MIB);
    await abort(new Error('not needed'));
  });

  test('has its table of contents packed, however big it is', async () => {
    const { backup } = startBackup();
    const dump = await stream(backup, { tocMiB: 5, small: 3, capMiB: 16 });
    expect([...dump.files.keys()]).toEqual([]);
    expect(dump.packed).toContain('toc.dat');
    const packed = await untar(await readBack(backup, dump.pack));
    expect(packed.get('toc.dat')).toHaveLength(5 * MIB + 3);
  });

  test('with warnings keeps them', async () => {
    const { backup, abort } = startBackup();
    const { child } = await stream(backup, { small: 1 });
    expect(child.stderr.tail).toContain('fixture: warning: this is one');
    await abort(new Error('not needed'));
  });
});

describe('a dump that fails', () => {
  test('with an exit status after having written everything is a failure, with its last words', async () => {
    const { backup, abort } = startBackup();
    await expect(stream(backup, { bigMiB: 20, small: 5, status: 1 })).rejects.toThrow(
      /ended with 1: .*the last words/s,
    );
    await abort(new Error('failed'));
  });

  test('because its leader is killed takes its workers with it', async () => {
    const { backup, abort } = startBackup();
    let group = 0;
    const attempt = stream(backup, {
      bigMiB: 4000,
      during: async (child) => {
        group = child.pid;
        await untilWritten(directory);
        process.kill(child.pid, 'SIGKILL');
      },
    });
    await expect(attempt).rejects.toThrow(/ended with SIGKILL/);
    expect(groupMembers(group)).toEqual([]);
    await abort(new Error('failed'));
  });

  test('because S3 refuses a part is stopped', async () => {
    let group = 0;
    const refusing = {
      send: ((command: Parameters<S3Client['send']>[0]) =>
        command instanceof UploadPartCommand
          ? Promise.reject(Object.assign(new Error('no'), { name: 'AccessDenied' }))
          : vault.s3.send(command)) as S3Client['send'],
    };
    const { backup, abort } = startBackup(refusing);
    const attempt = stream(backup, {
      bigMiB: 4000,
      capMiB: 64,
      during: async (child) => {
        group = child.pid;
      },
    });
    await expect(attempt).rejects.toMatchObject({ code: 'VAULT_DENIED' });
    expect(groupMembers(group)).toEqual([]);
    await abort(new Error('failed'));
  });

  test('because it is told to stop ends with that reason', async () => {
    const { backup, abort } = startBackup();
    const attempt = stream(backup, {
      bigMiB: 4000,
      during: async () => {
        await untilWritten(directory);
        await abort(new Error('told to stop'));
      },
    });
    await expect(attempt).rejects.toThrow('told to stop');
  });
});

async function untilWritten(where: string): Promise<void> {
  while (!(await readdir(where)).includes('1.dat')) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
}
