import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ArchiveProof } from '../../../containers/runner/logical/archive-proof.ts';
import { dumpFailure } from '../../../containers/runner/logical/dump-failure.ts';
import {
  type CompletenessProof,
  streamDump,
} from '../../../containers/runner/logical/stream-dump.ts';
import { TrailerProof } from '../../../containers/runner/logical/trailer-proof.ts';
import { Child, describeExit } from '../../../containers/runner/process/child.ts';
import type { LogicalManifest } from '../../../contract/logical-manifest.ts';
import type { BackupVault } from '../../../vault/backup-vault.ts';
import { completeArtifacts } from '../../../vault/commit.ts';
import { readArtifactStream } from '../../../vault/fetch-artifact.ts';
import { type PendingStream, StreamUpload } from '../../../vault/stream-upload.ts';
import { type Run, startRun } from '../../local-cloud/servers/run.ts';
import { collect } from '../../vault/example-message.ts';
import { CLUSTER, type RealVault, startRealVault } from '../../vault/real-vault.ts';
import { makeClientWrappers } from '../restore/client-wrappers.ts';

const FIXTURE = fileURLToPath(new URL('../../fixtures/printing-dump.sh', import.meta.url));
/** Two tables with rows, two large objects, uncompressed, of PostgreSQL 17. */
const ARCHIVE = fileURLToPath(new URL('../../fixtures/dump-toc/shop.custom', import.meta.url));
const SQL = `--\n-- PostgreSQL database dump\n--\n\nselect '${'x'.repeat(8000)}';\n`;
const TRAILER = '--\n-- PostgreSQL database dump complete\n--\n\n';

let vault: RealVault;
let run: Run;
let pgRestore: string;
let labels = 0;

beforeAll(async () => {
  [vault, run] = await Promise.all([startRealVault(), startRun()]);
  pgRestore = join(await makeClientWrappers(run), 'pg_restore');
});
afterAll(async () => {
  await vault.stop();
  await run.stop();
});

interface Attempt {
  readonly bytes?: number;
  readonly end?: string;
  readonly compression?: string;
  readonly during?: (child: Child) => Promise<void>;
}

function nextBackup(): BackupVault {
  labels += 1;
  return vault.backup(`20261120T0600${String(labels).padStart(2, '0')}Z-logical-full-7f3a9c`);
}

async function stream(
  backup: BackupVault,
  file: string,
  proof: CompletenessProof,
  { bytes, end = '0', compression = 'none', during }: Attempt = {},
): Promise<PendingStream> {
  const child = await Child.start({
    command: FIXTURE,
    args: [file, bytes === undefined ? '-' : String(bytes), end],
    environment: { PATH: process.env.PATH ?? '' },
    cwd: run.directory,
    signal: backup.signal,
  });
  try {
    const [pending] = await Promise.all([
      streamDump({
        child,
        upload: new StreamUpload(backup, 'db-1/dump'),
        proofs: [proof],
        compression,
        signal: backup.signal,
        failure: (exit) =>
          dumpFailure('pg_dump', 'database shop', describeExit(exit), child.stderr.tail),
      }),
      during?.(child),
    ]);
    return pending;
  } catch (error) {
    await backup.ledger.abortAll(error);
    throw error;
  } finally {
    await child.stop();
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
  const reader = { vault, dataKeys: vault.dataKeys };
  return collect(readArtifactStream(reader, manifest, { artifacts: names, bytes: pending.bytes }));
}

describe('plain SQL', () => {
  let file: string;
  beforeAll(async () => {
    file = join(run.directory, 'dump.sql');
    await writeFile(file, SQL + TRAILER);
  });
  const proof = () => new TrailerProof('pg_dump', 'database shop');

  test.each([
    ['none', (bytes: Buffer) => bytes],
    ['gzip:1', gunzipSync],
    ['zstd:1', zstdDecompressSync],
  ])('that is whole lies in the vault, compressed by %s', async (compression, decompress) => {
    const backup = nextBackup();
    const pending = await stream(backup, file, proof(), { compression });
    expect(decompress(await readBack(backup, pending)).toString()).toBe(SQL + TRAILER);
  });

  test.each([
    ['prints half and exits 0', { bytes: SQL.length / 2 }, 'DUMP_INCOMPLETE', /cut off/],
    ['prints all but the last byte', { bytes: SQL.length + 40 }, 'DUMP_INCOMPLETE', /cut off/],
    ['prints nothing', { bytes: 0 }, 'DUMP_INCOMPLETE', /cut off/],
    ['prints all and exits 1', { end: '1' }, 'DUMP_FAILED', /exit status 1: .*the last words/],
    ['prints half and exits 1', { bytes: 9, end: '1' }, 'DUMP_FAILED', /exit status 1/],
  ])('of a program that %s is none', async (_, attempt, code, message) => {
    const failing = stream(nextBackup(), file, proof(), attempt);
    await expect(failing).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await vault.openUploads()).toEqual([]);
  });

  test('of a program that is killed is none, though all was printed', async () => {
    const during = async (child: Child): Promise<void> => {
      await sleep(300);
      process.kill(child.pid, 'SIGKILL');
    };
    await expect(
      stream(nextBackup(), file, proof(), { end: 'hang', during }),
    ).rejects.toMatchObject({
      code: 'DUMP_FAILED',
      message: expect.stringContaining('signal SIGKILL'),
    });
    expect(await vault.openUploads()).toEqual([]);
  });
});

describe("a trailer's proof", () => {
  const judge = async (program: 'pg_dump' | 'pg_dumpall', ...chunks: string[]): Promise<void> => {
    const proof = new TrailerProof(program, 'x');
    for (const chunk of chunks) await proof.take(Buffer.from(chunk));
    await proof.conclude();
  };

  test('takes it byte by byte, and behind it the end of the restricted mode', async () => {
    await expect(judge('pg_dump', ...TRAILER)).resolves.toBeUndefined();
    const restricted = `${SQL}${TRAILER}\\unrestrict eL4AAV2QK52Z\n\n`;
    await expect(judge('pg_dump', restricted)).resolves.toBeUndefined();
  });

  test('is not content with the trailer of one database of many, or with its text in a row', async () => {
    const all = '--\n-- PostgreSQL database cluster dump complete\n--\n\n';
    await expect(judge('pg_dumpall', SQL, TRAILER, all)).resolves.toBeUndefined();
    await expect(judge('pg_dumpall', SQL, TRAILER)).rejects.toThrow('cut off');
    await expect(judge('pg_dump', `${SQL}${TRAILER}select 1;\n`)).rejects.toThrow('cut off');
    await expect(judge('pg_dump', `1\t${TRAILER.slice(3, -5)}\n`)).rejects.toThrow('cut off');
  });
});

describe('an archive', () => {
  async function attempt(options: Attempt = {}) {
    const backup = nextBackup();
    const proof = await ArchiveProof.start(pgRestore, 'database shop', run.directory);
    try {
      const pending = await stream(backup, ARCHIVE, proof, options);
      return { pending, backup, proof };
    } finally {
      await proof.stop();
    }
  }

  test('that is whole is read through, counted, and lies in the vault', async () => {
    const { pending, backup, proof } = await attempt();
    expect(proof.contents).toMatchObject({ tableData: 4, largeObjects: 2 });
    expect(await readBack(backup, pending)).toEqual(await readFile(ARCHIVE));
  });

  test('that lacks its last byte is refused, though it can be listed', async () => {
    const { size } = await stat(ARCHIVE);
    await expect(attempt({ bytes: size - 1 })).rejects.toMatchObject({
      code: 'DUMP_INCOMPLETE',
      message: expect.stringMatching(/cannot read its archive through.*end of file/),
    });
    expect(await vault.openUploads()).toEqual([]);
  });

  test('of a program that exits 1 is refused for that', async () => {
    const { size } = await stat(ARCHIVE);
    await expect(attempt({ bytes: size / 2, end: '1' })).rejects.toMatchObject({
      code: 'DUMP_FAILED',
    });
  });
});
