import { mkdir, readdir, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

/** In the data directory: all that has been laid out, until a server may be started on it. */
export const UNFINISHED = 'holdfast-unfinished';
/** Without it PostgreSQL takes no directory for its own, whatever configuration it was started with. */
const VERSION = 'PG_VERSION';
/** In the place of the lock file of a server, which so can neither read nor replace it, and ends. */
const NO_START = 'postmaster.pid';

/**
 * Makes the place in a data directory where it is laid out and verified. A restore that is killed leaves
 * all of it there, under the source's own configuration: where a server looks, there is nothing.
 */
export async function makeUnfinished(directory: string): Promise<string> {
  const unfinished = join(directory, UNFINISHED);
  await mkdir(unfinished, { mode: 0o700 });
  return unfinished;
}

/** Puts what was laid out where a server looks for it, once it is in quarantine. */
export async function finish(directory: string): Promise<void> {
  const unfinished = join(directory, UNFINISHED);
  const names = await readdir(unfinished);
  // Last, because a server starts from then on.
  for (const name of [...names.filter((one) => one !== VERSION), VERSION]) {
    await move(join(unfinished, name), join(directory, name));
  }
  await rmdir(unfinished);
}

/** A directory that is there is filled up: that of tablespaces, where the source had been restored itself. */
async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    for (const name of await readdir(from)) await move(join(from, name), join(to, name));
    await rmdir(from);
  }
}

/** Keeps servers from starting on a directory that PostgreSQL's other programs have to read as it is. */
export async function forbidStart(directory: string): Promise<void> {
  await mkdir(join(directory, NO_START));
}

export async function allowStart(directory: string): Promise<void> {
  await rmdir(join(directory, NO_START));
}
