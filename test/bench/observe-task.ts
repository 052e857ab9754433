import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
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
  /** When the program was last seen running, by `performance.now()`; `undefined`: never. */
  readonly lastSeen?: number | undefined;
}

/**
 * Watches a task's runner, and its spool where it is named, until it ends.
 *
 * @param program that the runner starts, to look out for: its name.
 */
export async function observeTask(
  { pid, spoolPath }: Pick<TaskView, 'pid'> & Partial<TaskView>,
  program?: string,
): Promise<Observed> {
  let peakRssBytes = 0;
  let peakSpoolBytes = 0;
  let lastSeen: number | undefined;
  for (;;) {
    const status = ifThere(() => readFileSync(`/proc/${pid}/status`, 'utf8'));
    if (status === undefined) return { peakRssBytes, peakSpoolBytes, lastSeen };
    const runners = runnersOf(pid);
    peakRssBytes = Math.max(peakRssBytes, ...runners.map(highWaterMark));
    if (program !== undefined && runners.some((runner) => runs(runner, program))) {
      lastSeen = performance.now();
    }
    if (spoolPath !== undefined) peakSpoolBytes = Math.max(peakSpoolBytes, bytesIn(spoolPath));
    await sleep(LOOK_EVERY_MS);
  }
}

/** The container's first process is its init; the runner is that one's child and runs Node. */
function runnersOf(init: number): number[] {
  return childrenOf(init).filter((child) => commandOf(child)[0] === 'node');
}

function runs(runner: number, program: string): boolean {
  return childrenOf(runner).some((child) => basename(commandOf(child)[0] ?? '') === program);
}

/** Those that a process's first thread has started. */
function childrenOf(pid: number): number[] {
  const children = ifThere(() => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')) ?? '';
  return children
    .split(' ')
    .filter((text) => text !== '')
    .map(Number);
}

function commandOf(pid: number): string[] {
  return (ifThere(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '').split('\0');
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
