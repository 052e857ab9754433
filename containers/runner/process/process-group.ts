import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** One process of a group, as /proc shows it. */
export interface GroupMember {
  readonly pid: number;
  readonly parent: number;
}

/**
 * The living members of a process group. A pg_dump's workers stay in its group when their leader is
 * killed, which their parent's number would not show.
 *
 * Synchronous, as all looks at a running dump are: between the encryption of two chunks an
 * asynchronous one would take many turns, and the dump writes on meanwhile.
 */
export function groupMembers(group: number): GroupMember[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readMember(Number(name), group))
    .filter((member) => member !== undefined);
}

function readMember(pid: number, group: number): GroupMember | undefined {
  const stat = ifPresent(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  if (stat === undefined) return undefined;
  // The second field is the program's name in brackets and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, parent, processGroup] = fields;
  if (state === 'Z' || state === 'X' || Number(processGroup) !== group) return undefined;
  return { pid, parent: Number(parent) };
}

/**
 * Paths that a process holds open, among those under `directory`; `undefined` when it may not be
 * looked at, as is the case for a moment while it exits.
 */
export function openFiles(pid: number, directory: string): string[] | undefined {
  try {
    const descriptors = ifPresent(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
    return descriptors
      .map((fd) => ifPresent(() => readlinkSync(`/proc/${pid}/fd/${fd}`)))
      .filter((target) => target !== undefined)
      .filter((target) => target.startsWith(`${directory}/`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return undefined;
    throw error;
  }
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

/** `undefined` when the process or the descriptor has gone meanwhile. */
function ifPresent<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
