import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseWalKey, walFileKey, walTimelinePrefix } from '../../../contract/wal-keys.ts';
import { listObjects } from '../../../vault/listed-objects.ts';
import type { WalReader } from '../../../vault/wal/fetch-wal.ts';
import { ignoreMissing } from './ignore-missing.ts';
import { fetchAside, MOST_AHEAD } from './wal-ahead.ts';

const LOCK = '.filling';
/** A lock that was not touched for so long is that of a run that was killed. */
const STALE_MS = 120_000;
const SEGMENT = /^[0-9A-F]{24}$/;

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
  if (!(await lock(directory))) return;
  try {
    const wanted = await following(reader, name);
    const there = (await readdir(directory)).filter((one) => SEGMENT.test(one));
    for (const one of there.filter((segment) => !wanted.includes(segment))) {
      await rm(join(directory, one), { force: true });
    }
    for (const one of wanted.filter((segment) => !there.includes(segment))) {
      await fetchAside(reader, one, directory);
    }
  } finally {
    await rm(join(directory, LOCK), { force: true });
  }
}

async function lock(directory: string): Promise<boolean> {
  const path = join(directory, LOCK);
  const held = await stat(path).catch(ignoreMissing);
  if (held !== undefined && Date.now() - held.mtimeMs > STALE_MS) await rm(path, { force: true });
  const file = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await file?.close();
  return file !== undefined;
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
