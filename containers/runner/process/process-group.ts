import { readdir, readFile, readlink } from 'node:fs/promises';

/** One process of a group, as /proc shows it. */
export interface GroupMember {
  readonly pid: number;
  readonly parent: number;
}

/**
 * The living members of a process group. A pg_dump's workers stay in its group when their leader is
 * killed, which their parent's number would not show.
 */
export async function groupMembers(group: number): Promise<GroupMember[]> {
  const entries = await readdir('/proc');
  const found = await Promise.all(
    entries.filter((name) => /^\d+$/.test(name)).map((name) => readMember(Number(name), group)),
  );
  return found.filter((member) => member !== undefined);
}

async function readMember(pid: number, group: number): Promise<GroupMember | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field is the program's name in brackets and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, parent, processGroup] = fields;
  if (state === undefined || state === 'Z' || state === 'X' || Number(processGroup) !== group) {
    return undefined;
  }
  return { pid, parent: Number(parent) };
}

/**
 * Paths that a process holds open, among those under `directory`.
 *
 * @throws Error when the process lives but may not be looked at: then nothing can be said.
 */
export async function openFiles(pid: number, directory: string): Promise<string[]> {
  let descriptors: string[];
  try {
    descriptors = await readdir(`/proc/${pid}/fd`);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
  const targets = await Promise.all(
    descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')),
  );
  return targets.filter((target) => target.startsWith(`${directory}/`));
}

/** Sends a signal to a whole group; `false` when nobody is left in it. */
export function signalGroup(group: number, signal: NodeJS.Signals): boolean {
  return sendSignal(-group, signal);
}

/** Sends a signal to one process; `false` when it is gone. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ESRCH';
}
