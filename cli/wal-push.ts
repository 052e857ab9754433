import { open, readdir, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { asHoldfastError, HoldfastError } from '../contract/errors.ts';
import { instantOf } from '../contract/microseconds.ts';
import { parseWalFileName, previousSegment } from '../contract/wal-segments.ts';
import { eachAtOnce } from '../vault/each-at-once.ts';
import { pushWalFile } from '../vault/wal/push-wal.ts';
import type { WalVault } from '../vault/wal/wal-vault.ts';
import type { Io } from './io.ts';
import { PushMemory } from './push-memory.ts';

/** `DB_SHUTDOWNED`, `DB_SHUTDOWNING`, `DB_IN_PRODUCTION`: what a primary may be in while it archives. */
const STATES_OF_PRIMARY: ReadonlySet<number> = new Set([1, 3, 6]);

/** Files that are pushed at a time, and what they may have together. */
const AT_ONCE = 4;
const BYTES_AT_ONCE = 128 * 1024 * 1024;

/** By which the SDK finds account and Region: environments of one name in two of them have a vault each. */
const WHOSE_AWS = [
  ...['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_PROFILE', 'AWS_ACCESS_KEY_ID', 'AWS_ROLE_ARN'],
  ...['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE'],
];

export interface WalPushOptions {
  readonly environment: string;
  readonly cluster: string;
  /** Files that are pushed beside the one that is asked for. */
  readonly batch: number;
  readonly state?: string | undefined;
}

/**
 * `holdfast wal-push`, for `archive_command`: returns once the vault has the file. What else is ready
 * is pushed with it, and remembered until the server asks for it.
 *
 * @throws HoldfastError REQUEST_INVALID, WAL_CONFLICT, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function walPush(
  path: string,
  { environment, cluster, batch, state }: WalPushOptions,
  io: Io,
): Promise<void> {
  const name = basename(path);
  const bytes = await readWal(path);
  const { systemIdentifier, isPrimary } = await readControl(dirname(path));
  const whose = WHOSE_AWS.map((variable) => io.env[variable] ?? '');
  const scope = [environment, cluster, systemIdentifier, ...whose];
  const memory = await PushMemory.open(state ?? defaultState(), scope);
  const remembers = async (bucket: string | undefined): Promise<boolean> => {
    if (bucket === undefined || !(await memory.has(bucket, name, bytes))) return false;
    await memory.forget(name);
    return true;
  };
  // Asked before AWS is: most of a batch ends here.
  if (await remembers(await memory.bucket())) return;
  const vault = {
    ...(await io.services.openWalVault(environment, cluster)),
    ...{ systemIdentifier, signal: io.signal },
  };
  await memory.noteBucket(vault.bucket);
  if (await remembers(vault.bucket)) return;
  const others = await readyBeside(path, batch);
  const from = { ...vault, isPrimary };
  const beside = pushBeside(from, dirname(path), others, bytes.length, memory, io);
  try {
    await push(from, path, bytes, io);
  } finally {
    await beside;
  }
}

/** Where a server's WAL goes. */
interface PushVault extends WalVault {
  readonly isPrimary: boolean;
}

async function push(vault: PushVault, path: string, bytes: Buffer, io: Io): Promise<void> {
  const name = basename(path);
  // The server may have removed it by now.
  const before = async () =>
    await readFile(join(dirname(path), previousSegment(name, bytes.length))).catch(() => undefined);
  // A standby has what its primary wrote earlier, and once it is promoted, so has what it received before.
  const isOwn = vault.isPrimary && !(await wasLeft(path));
  const complete = isOwn ? await writtenAt(path) : undefined;
  if ((await pushWalFile(vault, name, bytes, before, complete)) !== 'other') return;
  io.stderr.write(
    `warning: the vault has another ${name} already; two servers may differ in it, and the first stays\n`,
  );
}

/** What fails here is asked for by the server in its turn, and fails then: it ends the batch, and nothing more. */
async function pushBeside(
  vault: PushVault,
  directory: string,
  names: readonly string[],
  fileBytes: number,
  memory: PushMemory,
  io: Io,
): Promise<void> {
  const atOnce = Math.max(1, Math.min(AT_ONCE, Math.floor(BYTES_AT_ONCE / Math.max(1, fileBytes))));
  try {
    await eachAtOnce(names, atOnce, async (name) => {
      const bytes = await readWal(join(directory, name));
      if (await memory.has(vault.bucket, name, bytes)) return;
      await push(vault, join(directory, name), bytes, io);
      await memory.note(vault.bucket, name, bytes);
    });
  } catch (error) {
    const { code, message } = asHoldfastError(error);
    io.stderr.write(`warning: not all that is ready was pushed with it: ${code}: ${message}\n`);
  }
}

/** Names that the server will ask for, in its order: histories first, then the oldest. */
async function readyBeside(path: string, batch: number): Promise<string[]> {
  const listed = await readdir(join(dirname(path), 'archive_status')).catch(() => []);
  const own = basename(path);
  const ready = listed
    .filter((file) => file.endsWith('.ready'))
    .map((file) => file.slice(0, -'.ready'.length))
    .filter((name) => name !== own && parseWalFileName(name) !== undefined)
    .sort();
  const isHistory = (name: string) => name.endsWith('.history');
  return [...ready.filter(isHistory), ...ready.filter((name) => !isHistory(name))].slice(0, batch);
}

async function readWal(path: string): Promise<Buffer> {
  return await readFile(path).catch((cause: unknown) => {
    throw new HoldfastError('REQUEST_INVALID', `${path} cannot be read: ${String(cause)}`, {
      hint: "Give archive_command's %p as it is: it is relative to the data directory, where the server runs the command.",
      cause,
    });
  });
}

/** Whether the server has gone on to a later timeline than a file's. */
async function wasLeft(path: string): Promise<boolean> {
  const timeline = basename(path).slice(0, 8);
  const names = await readdir(dirname(path)).catch(() => []);
  return names.some((name) => /^[0-9A-F]{8}\.history$/.test(name) && name.slice(0, 8) > timeline);
}

/** A segment's last byte is written before the next one's first: by then there was nothing beyond it. */
async function writtenAt(path: string): Promise<string> {
  const { mtimeNs } = await stat(path, { bigint: true });
  return instantOf(mtimeNs / 1000n);
}

/**
 * The first and the fourth field of `pg_control`, in the byte order of the machine, which is little-endian wherever Node runs.
 *
 * @see https://github.com/postgres/postgres/blob/REL_17_STABLE/src/include/catalog/pg_control.h
 */
async function readControl(
  directory: string,
): Promise<{ readonly systemIdentifier: string; readonly isPrimary: boolean }> {
  const path = join(directory, '..', 'global', 'pg_control');
  const file = await open(path).catch((cause: unknown) => {
    throw new HoldfastError('REQUEST_INVALID', `${path} cannot be read: ${String(cause)}`, {
      hint: 'The file has to lie in pg_wal of a data directory: it says which server this is.',
      cause,
    });
  });
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(20), 0, 20, 0);
    if (bytesRead === 20) {
      const isPrimary = STATES_OF_PRIMARY.has(buffer.readInt32LE(16));
      return { systemIdentifier: buffer.readBigUInt64LE().toString(), isPrimary };
    }
  } finally {
    await file.close();
  }
  throw new HoldfastError('REQUEST_INVALID', `${path} is cut off.`, {
    hint: 'Look at the data directory: the server would not start from it either.',
  });
}

function defaultState(): string {
  return join(tmpdir(), `holdfast-wal-push-${process.getuid?.() ?? 'user'}`);
}
