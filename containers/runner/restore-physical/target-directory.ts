import { chmod, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../../../contract/errors.ts';
import { UNFINISHED } from './unfinished.ts';

const HINT =
  'Nothing was changed. Name an empty directory; of a mounted volume take a directory in it.';
const UNFINISHED_HINT =
  'Nothing was changed. A restore into it is under way, or was killed: of one that was killed remove what is in it, and holdfast-chain-… beside it or in its --staging, and restore again.';
const NO_PARENT =
  'The directory that it is to be made in must be there: make that, or look for a typing error.';
const NOT_OURS =
  'Name an empty directory that belongs to the user who runs this, who will also run the server.';

/** A directory that was empty, and is ours until the restore has ended. */
export interface ClaimedDirectory {
  readonly path: string;
  /** Removes all that was put into it, and it too if it was not there before. */
  empty(): Promise<void>;
}

/**
 * Takes an empty directory, or makes it. Its parent must be there: a typing error is no new tree.
 *
 * @param what named in the error: `data directory`, `tablespace's directory`.
 * @throws HoldfastError RESTORE_REFUSED when there is anything in it
 */
export async function claimDirectory(path: string, what: string): Promise<ClaimedDirectory> {
  const made = await mkdir(path, { mode: 0o700 }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw unusable(path, what, error);
    },
  );
  if (!made) await assertEmpty(path, what);
  return {
    path,
    empty: async () => {
      if (made) await rm(path, { recursive: true, force: true, maxRetries: 3 });
      else await removeContents(path);
    },
  };
}

/**
 * Empties what a restore that has failed had taken, the last first, each whatever becomes of the others.
 *
 * @returns the failure, which says what is left where something could not be removed.
 */
export async function abandon(
  claimed: readonly ClaimedDirectory[],
  failure: unknown,
): Promise<unknown> {
  const left: string[] = [];
  for (const one of claimed.toReversed()) {
    await one.empty().catch(({ message }: Error) => left.push(`${one.path} (${message})`));
  }
  if (left.length === 0 || !(failure instanceof HoldfastError)) return failure;
  return new HoldfastError(failure.code, failure.message, {
    hint: `${failure.hint} Not all that was put there could be removed: ${left.join(', ')}.`,
    cause: failure,
  });
}

/**
 * Looks at a directory that is to be taken, and changes nothing.
 *
 * @throws HoldfastError RESTORE_REFUSED when it is there and not empty, or no directory
 */
export async function assertClaimable(path: string, what: string): Promise<void> {
  const there = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw unusable(path, what, error);
  });
  if (there !== undefined) await assertEmpty(path, what, false);
}

async function assertEmpty(path: string, what: string, take = true): Promise<void> {
  const names = await readdir(path).catch((error: unknown) => {
    throw unusable(path, what, error);
  });
  if (names.length > 0) {
    throw new HoldfastError(
      'RESTORE_REFUSED',
      `The ${what} ${path} is not empty: ${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}.`,
      { hint: names.includes(UNFINISHED) ? UNFINISHED_HINT : HINT },
    );
  }
  if (!take) return;
  await chmod(path, 0o700).catch((error: unknown) => {
    throw unusable(path, what, error);
  });
}

async function removeContents(path: string): Promise<void> {
  for (const name of await readdir(path)) {
    await rm(join(path, name), { recursive: true, force: true, maxRetries: 3 });
  }
}

function unusable(path: string, what: string, cause: unknown): HoldfastError {
  return new HoldfastError(
    'RESTORE_REFUSED',
    `The ${what} ${path} cannot be used: ${(cause as Error).message}.`,
    {
      hint: `Nothing was changed. ${(cause as NodeJS.ErrnoException).code === 'ENOENT' ? NO_PARENT : NOT_OURS}`,
      cause,
    },
  );
}
