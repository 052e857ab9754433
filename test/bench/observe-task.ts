import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TaskView } from '../local-cloud/local-cloud.ts';

/** Pause between two looks, ms. */
const LOOK_EVERY_MS = 25;

/** What a task took, seen from outside of it. Bytes. */
export interface Observed {
  /** The kernel's own high-water mark of the runner's resident memory, its children apart. */
  readonly peakRssBytes: number;
  /** Blocks of all files in the spool. */
  readonly peakSpoolBytes: number;
}

/** Watches a task's runner, and its spool where it is named, until it ends. */
export async function observeTask({
  pid,
  spoolPath,
}: Pick<TaskView, 'pid'> & Partial<TaskView>): Promise<Observed> {
  let peakRssBytes = 0;
  let peakSpoolBytes = 0;
  for (;;) {
    const status = ifThere(() => readFileSync(`/proc/${pid}/status`, 'utf8'));
    if (status === undefined) return { peakRssBytes, peakSpoolBytes };
    peakRssBytes = Math.max(peakRssBytes, ...runnersOf(pid).map(highWaterMark));
    if (spoolPath !== undefined) peakSpoolBytes = Math.max(peakSpoolBytes, bytesIn(spoolPath));
    await sleep(LOOK_EVERY_MS);
  }
}

/** The container's first process is its init; the runner is that one's child and runs Node. */
function runnersOf(init: number): number[] {
  const children = ifThere(() => readFileSync(`/proc/${init}/task/${init}/children`, 'utf8')) ?? '';
  return children
    .split(' ')
    .filter((text) => text !== '')
    .map(Number)
    .filter((child) =>
      ifThere(() => readFileSync(`/proc/${child}/cmdline`, 'utf8'))?.startsWith('node\0'),
    );
}

function highWaterMark(pid: number): number {
  const status = ifThere(() => readFileSync(`/proc/${pid}/status`, 'utf8')) ?? '';
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}

function bytesIn(directory: string): number {
  let bytes = 0;
  for (const entry of ifThere(() => readdirSync(directory, { withFileTypes: true })) ?? []) {
    const path = join(directory, entry.name);
    bytes += entry.isDirectory()
      ? bytesIn(path)
      : (ifThere(() => lstatSync(path).blocks) ?? 0) * 512;
  }
  return bytes;
}

/** `undefined` when the process or the file has gone meanwhile. */
function ifThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
