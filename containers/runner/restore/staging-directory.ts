import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../../../contract/errors.ts';

/** Room that is left to others on the volume, bytes. */
const RESERVE_BYTES = 64 * 1024 * 1024;

/**
 * Whether a volume has room for what is going to lie on it, before anything is fetched.
 *
 * @throws HoldfastError RESTORE_REFUSED
 */
export async function assertRoom(parent: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(parent).catch((cause: unknown) => {
    throw unusable(parent, cause);
  });
  const free = bavail * bsize;
  if (free < neededBytes + RESERVE_BYTES) {
    throw new HoldfastError(
      'RESTORE_REFUSED',
      `The dump needs ${neededBytes} bytes in ${parent}, where ${free} are free.`,
      { hint: 'Name a directory on a bigger volume: --staging DIR' },
    );
  }
}

/**
 * Makes a directory of our own, readable by nobody else (it will hold plain text), for the time that
 * `work` takes; it is gone afterwards, however that ended.
 *
 * @param neededBytes what will be written into it.
 * @throws HoldfastError RESTORE_REFUSED when the volume has not that much room
 */
export async function withStagingDirectory<T>(
  parent: string,
  neededBytes: number,
  work: (directory: string) => Promise<T>,
): Promise<T> {
  await assertRoom(parent, neededBytes);
  const directory = await mkdtemp(join(parent, 'holdfast-restore-')).catch((cause: unknown) => {
    throw unusable(parent, cause);
  });
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** What ended the staging, in words where the disk did: others may fill it up meanwhile. */
export function stagingFailure(error: unknown, parent: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new HoldfastError('RESTORE_FAILED', `The staging directory ${parent} is full (${code}).`, {
    hint: 'Nothing on the target was changed. Make room, or name a directory on a bigger volume: --staging DIR',
    cause: error,
  });
}

function unusable(parent: string, cause: unknown): HoldfastError {
  return new HoldfastError(
    'RESTORE_REFUSED',
    `The staging directory ${parent} cannot be used: ${(cause as Error).message}.`,
    { hint: 'Name a directory that you may write to: --staging DIR', cause },
  );
}
