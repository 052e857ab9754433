import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseWalKey, walFileKey, walTimelinePrefix } from '../../../contract/wal-keys.ts';
import { listObjects } from '../../../vault/listed-objects.ts';
import type { WalReader } from '../../../vault/wal/fetch-wal.ts';
import { ignoreMissing } from './ignore-missing.ts';
import { fetchAside, MOST_AHEAD } from './wal-ahead.ts';

const LOCK = '.filling';
/** A lock, or a file aside, that was not touched for so long is that of a run that was killed. */
const STALE_MS = 120_000;
const SEGMENT = /^[0-9A-F]{24}$/;
const ASIDE = /^\.[0-9A-F]{24}/;

/**
 * Takes a segment that was fetched ahead, if it is there.
 *
 * @returns how many are left; `undefined`: it is not there.
 */
export async function takeReady(
  directory: string,
  name: string,
  path: string,
): Promise<number | undefined> {
  const taken = await rename(join(directory, name), path).then(
    () => true,
    () => false,
  );
  if (!taken) return undefined;
  return (await readdir(directory)).filter((one) => SEGMENT.test(one)).length;
}

/**
 * Fetches the whole segments that follow on one, as many as may lie ready, and removes what was passed.
 * Beside another run of it, it does nothing.
 *
 * @param directory of our own; made where it is missing.
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function fillAhead(reader: WalReader, name: string, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const own = await lock(directory);
  if (own === undefined) return;
  try {
    await sweep(directory);
    const wanted = await following(reader, name);
    const there = (await readdir(directory)).filter((one) => SEGMENT.test(one));
    for (const one of there.filter((segment) => !wanted.includes(segment))) {
      await rm(join(directory, one), { force: true });
    }
    for (const one of wanted.filter((segment) => !there.includes(segment))) {
      if (!(await keep(directory, own))) return;
      await fetchAside(reader, one, directory);
    }
  } finally {
    if (await isHeldBy(directory, own)) await rm(join(directory, LOCK), { force: true });
  }
}

/**
 * It keeps two runs from fetching the same, and no more than that: one that comes to nothing for long
 * enough loses it to another while it lives.
 *
 * @returns what is in it; `undefined`: another run holds it.
 */
async function lock(directory: string): Promise<string | undefined> {
  const path = join(directory, LOCK);
  const own = randomUUID();
  if (await isStale(path)) await rm(path, { force: true });
  return await writeFile(path, own, { flag: 'wx', mode: 0o600 }).then(
    () => own,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      return undefined;
    },
  );
}

async function isHeldBy(directory: string, own: string): Promise<boolean> {
  return (await readFile(join(directory, LOCK), 'utf8').catch(ignoreMissing)) === own;
}

/** @returns whether the lock is still ours: it shows from now on that we live. */
async function keep(directory: string, own: string): Promise<boolean> {
  if (!(await isHeldBy(directory, own))) return false;
  const now = new Date();
  await utimes(join(directory, LOCK), now, now).catch(ignoreMissing);
  return true;
}

/** Removes what runs that were killed had begun. */
async function sweep(directory: string): Promise<void> {
  for (const name of (await readdir(directory)).filter((one) => ASIDE.test(one))) {
    const path = join(directory, name);
    if (await isStale(path)) await rm(path, { force: true });
  }
}

async function isStale(path: string): Promise<boolean> {
  const found = await stat(path).catch(ignoreMissing);
  return found !== undefined && Date.now() - found.mtimeMs > STALE_MS;
}

async function following({ vault, cluster }: WalReader, name: string): Promise<string[]> {
  const prefix = walTimelinePrefix(cluster, Number.parseInt(name.slice(0, 8), 16));
  const after = walFileKey(cluster, name);
  const names: string[] = [];
  for await (const { key } of listObjects(vault, prefix, [], { after })) {
    const found = parseWalKey(key);
    if (found?.is === 'segment' && found.segment > name) names.push(found.segment);
    if (names.length === MOST_AHEAD || found?.is === 'increment') break;
  }
  return names;
}
