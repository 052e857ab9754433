import { execFile } from 'node:child_process';
import { open, stat, unlink } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Gives the blocks of `[0, end)` of a growing file back to the file system; its size stays. Node has
 * no call for it, util-linux has.
 *
 * @param from offset up to which blocks have been freed before, bytes.
 */
export async function punchHole(path: string, from: number, end: number): Promise<void> {
  await run('fallocate', [
    '--punch-hole',
    '--offset',
    `${from}`,
    '--length',
    `${end - from}`,
    path,
  ]);
}

/** Whether files in `directory` can be freed from their start, found out by doing it. */
export async function canPunchHoles(directory: string): Promise<boolean> {
  const path = `${directory}/.punch-hole-probe`;
  const file = await open(path, 'w');
  try {
    await file.write(Buffer.alloc(1024 * 1024, 1));
    await file.sync();
    const before = (await stat(path)).blocks;
    await punchHole(path, 0, 1024 * 1024);
    return (await stat(path)).blocks < before;
  } catch {
    return false;
  } finally {
    await file.close();
    await unlink(path);
  }
}
