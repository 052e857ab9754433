import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { asHoldfastError } from '../contract/errors.ts';
import { ExitCode } from '../contract/exit-codes.ts';
import type { WalFile } from '../vault/wal/fetch-wal.ts';
import { answerWalRequest } from '../vault/wal/wal-answer.ts';
import type { Io } from './io.ts';

export interface WalFetchOptions {
  readonly environment: string;
  readonly cluster: string;
}

/** To PostgreSQL, of a file that it asked for: WAL ends before it, or there is no such history. */
export const WAL_ENDS = ExitCode.Internal;

/**
 * `holdfast wal-fetch`, for `restore_command`: puts a WAL file where the server wants it.
 *
 * PostgreSQL takes every status up to 125 for the end of WAL, and promotes then. So 1 says that, and
 * whatever else went wrong is 126, on which it stops.
 */
export async function walFetch(
  name: string,
  path: string,
  { environment, cluster }: WalFetchOptions,
  io: Io,
): Promise<ExitCode> {
  try {
    const vault = await io.services.openVault(environment);
    const dataKeys = await io.services.dataKeysFor(environment, cluster);
    const file = await answerWalRequest({ vault, dataKeys, cluster, signal: io.signal }, name);
    if (file === undefined) return WAL_ENDS;
    await writeWhole(file, path);
    return ExitCode.Ok;
  } catch (thrown) {
    const error = asHoldfastError(thrown);
    io.stderr.write(
      `holdfast wal-fetch ${name}: error ${error.code}: ${error.message}\nhint: ${error.hint}\n`,
    );
    return ExitCode.RecoveryMustStop;
  }
}

/** Written aside, flushed, and renamed: a file under its name is whole. */
async function writeWhole(file: WalFile, path: string): Promise<void> {
  const aside = `${path}.holdfast-${process.pid}`;
  try {
    await pipeline(
      Readable.from(file.read(), { objectMode: false }),
      createWriteStream(aside, { flags: 'wx', mode: 0o600, flush: true }),
    );
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
  const directory = await open(dirname(path));
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
