import { readdir, stat } from 'node:fs/promises';
import { groupMembers, openFiles } from '../process/process-group.ts';

/** One file of a growing dump. */
export interface ObservedFile {
  readonly name: string;
  /** Bytes that can be read. */
  readonly size: number;
  /** Bytes that the file takes on the disk; less than `size` once its start has been freed. */
  readonly allocated: number;
  /** Whether some process of the dump may still write to it. */
  readonly open: boolean;
}

/**
 * Looks at a dump's directory. A dump's files are opened once, so one that was listed before the
 * descriptors were read, and that no process of the group holds, has been closed for good. The
 * order is what makes that true: a file created after the listing is not spoken of.
 *
 * @param group process group of the dump; `undefined` once it has ended, when nothing is open.
 * @param known files whose size cannot change any more; they are not looked at again.
 */
export async function observeDirectory(
  directory: string,
  group: number | undefined,
  known: ReadonlyMap<string, ObservedFile>,
): Promise<ObservedFile[]> {
  const names = await readdir(directory);
  const held = group === undefined ? new Set<string>() : await heldFiles(directory, group);
  const files = await Promise.all(
    names.map(async (name) => known.get(name) ?? observeFile(directory, name, held)),
  );
  return files.filter((file) => file !== undefined);
}

async function heldFiles(directory: string, group: number): Promise<Set<string>> {
  const members = await groupMembers(group);
  const held = await Promise.all(members.map(({ pid }) => openFiles(pid, directory)));
  return new Set(held.flat());
}

async function observeFile(
  directory: string,
  name: string,
  held: ReadonlySet<string>,
): Promise<ObservedFile | undefined> {
  const path = `${directory}/${name}`;
  try {
    const { size, blocks } = await stat(path);
    return { name, size, allocated: blocks * 512, open: held.has(path) };
  } catch (error) {
    // Packed and unlinked since it was listed.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
