import { readdirSync, statSync } from 'node:fs';
import { groupMembers, openFiles } from '../process/process-group.ts';

/** One file of a growing dump. */
export interface ObservedFile {
  readonly name: string;
  /** Bytes that can be read. */
  readonly size: number;
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
export function observeDirectory(
  directory: string,
  group: number | undefined,
  known: ReadonlyMap<string, ObservedFile>,
): ObservedFile[] {
  const names = readdirSync(directory);
  const held = group === undefined ? new Set<string>() : heldFiles(directory, group);
  return names
    .map((name) => known.get(name) ?? observeFile(directory, name, held))
    .filter((file) => file !== undefined);
}

/** `undefined` when some member cannot be looked at: then every file may be open. */
function heldFiles(directory: string, group: number): Set<string> | undefined {
  const held = new Set<string>();
  for (const { pid } of groupMembers(group)) {
    const paths = openFiles(pid, directory);
    if (paths === undefined) return undefined;
    for (const path of paths) held.add(path);
  }
  return held;
}

function observeFile(
  directory: string,
  name: string,
  held: ReadonlySet<string> | undefined,
): ObservedFile | undefined {
  const path = `${directory}/${name}`;
  // Packed files are removed after they have been listed.
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  return { name, size: found.size, open: held?.has(path) ?? true };
}
