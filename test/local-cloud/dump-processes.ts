import { readFileSync } from 'node:fs';
import { groupMembers } from '../../containers/runner/process/process-group.ts';

/** One process on the host. */
interface Process {
  readonly pid: number;
  /** As in /proc: `T` is one that was stopped. */
  readonly state: string;
}

/** The `pg_dump` of a database below `root`, which leads its workers; `undefined` while it does not run. */
export function dumpLeader(root: number, database: string): number | undefined {
  return descendants(root).find((pid) => {
    const command = readProc(`/proc/${pid}/cmdline`);
    return command.includes('bin/pg_dump\0') && command.includes(`dbname='${database}'`);
  });
}

/** That `pg_dump` and its workers. */
export function dumpProcesses(root: number, database: string): Process[] {
  const leader = dumpLeader(root, database);
  if (leader === undefined) return [];
  return groupMembers(leader).map(({ pid }) => ({ pid, state: stateOf(pid) }));
}

function descendants(root: number): number[] {
  const children = readProc(`/proc/${root}/task/${root}/children`)
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
  return children.flatMap((pid) => [pid, ...descendants(pid)]);
}

function stateOf(pid: number): string {
  const stat = readProc(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '';
}

function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
