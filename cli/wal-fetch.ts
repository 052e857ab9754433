import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fillAhead, takeReady } from '../containers/runner/restore-physical/fill-ahead.ts';
import { asHoldfastError, HoldfastError } from '../contract/errors.ts';
import { ExitCode } from '../contract/exit-codes.ts';
import { mayPass } from '../vault/aws-errors.ts';
import type { WalFile } from '../vault/wal/fetch-wal.ts';
import { answerWalRequest } from '../vault/wal/wal-answer.ts';
import type { Io } from './io.ts';
import { deniedBut, restoreRole } from './role-of-work.ts';

export interface WalFetchOptions {
  readonly environment: string;
  readonly cluster: string;
  /** Directory of its own on the server's volume, for segments that are fetched before they are asked for. */
  readonly ahead?: string | undefined;
  /** Recovery reaches its target before this position. @default it has none */
  readonly until?: bigint | undefined;
  /** How long what may pass is waited for. Seconds. */
  readonly patience: number;
}

/** As path: fetch ahead what follows on the file, and nothing else. */
const ONLY_AHEAD = '-';
/** Between two tries where AWS is away. Milliseconds. */
const PAUSE_MS = 2_000;
/** With no more than these ready, the next are fetched. */
const FEW_READY = 4;

const OF_FILES: ReadonlySet<string> = new Set([
  ...['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'EROFS'],
  ...['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO', 'EEXIST', 'ENAMETOOLONG'],
]);

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
  options: WalFetchOptions,
  io: Io,
): Promise<ExitCode> {
  const { environment, ahead } = options;
  try {
    if (ahead !== undefined && path !== ONLY_AHEAD) {
      const left = await takeReady(ahead, name, path);
      if (left === undefined || left <= FEW_READY) fillInBackground(name, options, io);
      if (left !== undefined) return ExitCode.Ok;
    }
    const deadline = Date.now() + options.patience * 1000;
    for (;;) {
      try {
        return await fetchOnce(name, path, options, io);
      } catch (error) {
        if (!mayPass(error) || Date.now() + PAUSE_MS > deadline) throw error;
        await sleep(PAUSE_MS, undefined, { signal: io.signal }).catch(() => {
          throw error;
        });
      }
    }
  } catch (thrown) {
    const error = deniedBut(restoreRole(environment), asHoldfastError(thrown));
    io.stderr.write(
      `holdfast wal-fetch ${name}: error ${error.code}: ${error.message}\nhint: ${error.hint}\n`,
    );
    return ExitCode.RecoveryMustStop;
  }
}

async function fetchOnce(
  name: string,
  path: string,
  { environment, cluster, ahead, until }: WalFetchOptions,
  io: Io,
): Promise<ExitCode> {
  const [vault, dataKeys] = await Promise.all([
    io.services.openVault(environment),
    io.services.dataKeysFor(environment, cluster),
  ]);
  const reader = { vault, dataKeys, cluster, signal: io.signal };
  if (ahead !== undefined && path === ONLY_AHEAD) {
    await fillAhead(reader, name, ahead);
    return ExitCode.Ok;
  }
  const file = await answerWalRequest(reader, name, until);
  if (file === undefined) return WAL_ENDS;
  await writeWhole(file, path).catch(explain(path));
  return ExitCode.Ok;
}

/** Goes on when this has ended; what fails in it fails again, and is told, when the file is asked for. */
function fillInBackground(
  name: string,
  { environment, cluster, ahead = '' }: WalFetchOptions,
  { command: [program = '', ...first], env }: Io,
): void {
  if (!/^[0-9A-F]{24}$/.test(name)) return;
  const where = ['--environment', environment, '--cluster', cluster, '--ahead', ahead];
  const once = ['--patience', '0'];
  spawn(program, [...first, 'wal-fetch', ...where, ...once, name, ONLY_AHEAD], {
    ...{ detached: true, stdio: 'ignore', env: { ...env } },
  })
    .on('error', () => {})
    .unref();
}

/** What the place makes impossible is not unforeseen; what the vault does says so itself. */
function explain(path: string): (error: unknown) => never {
  return (error) => {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (error instanceof HoldfastError || !OF_FILES.has(code)) throw error;
    throw new HoldfastError('REQUEST_INVALID', `${path} cannot be written (${code}).`, {
      hint: "Give restore_command's %p as it is. The server's user has to be able to write there, and there has to be room.",
      cause: error,
    });
  };
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
    await rm(aside, { force: true }).catch(() => {});
    throw error;
  }
  const directory = await open(dirname(path));
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
