import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable, type Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { conninfo } from '../keep-alive.ts';
import type { LoadOptions } from './load-dump.ts';
import type { ReportProgress } from './restore-progress.ts';
import { runProgram } from './run-program.ts';

export interface StagedSql {
  readonly path: string;
  /** As the manifest says it. */
  readonly compression: string;
}

/**
 * Runs plain SQL in the temporary database; the first error ends it. Not in one transaction: that
 * would hold a lock on each table, and large objects come with transactions of their own.
 *
 * @returns what `psql` warned of.
 * @throws HoldfastError RESTORE_FAILED
 */
export async function loadSql(
  { path, compression }: StagedSql,
  temporary: string,
  { programs, target, signal, onProgress }: LoadOptions,
): Promise<string[]> {
  const args = [
    '--no-psqlrc',
    '--quiet',
    '--no-password',
    '--set=ON_ERROR_STOP=1',
    // Whole or gone: no statement's commit has to wait for the disk.
    '--command=SET synchronous_commit = off',
    '--file=-',
    `--dbname=${conninfo(temporary)}`,
  ];
  const decompressor = createDecompressor(compression);
  const file = Readable.from(counted(path, (await stat(path)).size, onProgress), {
    objectMode: false,
  });
  const input = decompressor === undefined ? [file] : [file, decompressor];
  return await runProgram(programs.psql, args, { target, signal, input });
}

function createDecompressor(compression: string): Transform | undefined {
  const algorithm = compression.split(':')[0];
  if (algorithm === 'zstd') return createZstdDecompress();
  return algorithm === 'gzip' ? createGunzip() : undefined;
}

async function* counted(
  path: string,
  total: number,
  report: ReportProgress | undefined,
): AsyncGenerator<Buffer> {
  let done = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    done += (chunk as Buffer).length;
    report?.({ stage: 'restore', done, total, unit: 'bytes' });
    yield chunk as Buffer;
  }
}
