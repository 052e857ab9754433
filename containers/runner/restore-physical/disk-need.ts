import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HoldfastError } from '../../../contract/errors.ts';

/** Room that is left to others on a volume, bytes. */
const RESERVE_BYTES = 64 * 1024 * 1024;

/** What is going to be written to a place. */
export interface DiskNeed {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Whether the volumes have room for all that goes onto them, before anything is fetched.
 *
 * @throws HoldfastError RESTORE_REFUSED
 */
export async function assertDiskRoom(needs: readonly DiskNeed[]): Promise<void> {
  const byVolume = new Map<number, { needed: number; paths: string[]; at: string }>();
  for (const { path, bytes } of needs) {
    const at = await existing(path);
    const { dev } = await stat(at);
    const volume = byVolume.get(dev) ?? { needed: 0, paths: [], at };
    volume.needed += bytes;
    volume.paths.push(path);
    byVolume.set(dev, volume);
  }
  for (const { needed, paths, at } of byVolume.values()) {
    const { bavail, bsize } = await statfs(at);
    const free = bavail * bsize;
    if (free >= needed + RESERVE_BYTES) continue;
    throw new HoldfastError(
      'RESTORE_REFUSED',
      `${paths.join(', ')} together need ${needed} bytes on one volume, which has ${free} free.`,
      {
        hint: 'Nothing was changed. Name directories on bigger volumes: --directory, --staging, --tablespace-mapping OLD=NEW',
      },
    );
  }
}

/** The path itself, or the nearest one above it that is there. */
async function existing(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    const there = await stat(at).then(
      () => true,
      () => false,
    );
    if (there || at === dirname(at)) return at;
  }
}
