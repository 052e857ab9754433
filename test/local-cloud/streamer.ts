import { existsSync, readFileSync } from 'node:fs';
import type { Platform } from './platform/platform.ts';
import type { Task } from './platform/tasks.ts';
import { waitUntil } from './servers/wait-until.ts';

/** One task of a streamer, while it runs. */
export interface StreamerTask {
  readonly arn: string;
  readonly containerName: string;
  /** Of the container's first process, on the host. */
  readonly pid: number;
  readonly logFile: string;
}

/** The service that streams a cluster's WAL, as tests hold it. */
export interface Streamer {
  /** Has a task of it kept running from now on; where one is, nothing changes. */
  start(): void;
  /** SIGTERM, SIGKILL after the time-out, and no other task until `start`. */
  stop(): Promise<void>;
  /** The task that runs, once it does. */
  task(): Promise<StreamerTask>;
  /** SIGKILL to all of the task; returns when it is gone. Another is started by itself. */
  kill(): Promise<void>;
  /** How many tasks it has had. */
  readonly taskCount: number;
  /** All that its tasks have written, oldest first; lines that are no JSON are left out. */
  lines(): readonly Readonly<Record<string, unknown>>[];
  /** Waits for a line that a task writes or has written. @param after lines that are passed over, from the first */
  waitForLine(
    fits: (line: Readonly<Record<string, unknown>>) => boolean,
    options?: { readonly timeoutSeconds?: number; readonly after?: number },
  ): Promise<Readonly<Record<string, unknown>>>;
}

/** @param name the service's */
export function streamerFace({ services, tasks }: Platform, name: string): Streamer {
  const all = (): readonly Task[] => services.tasksOf(name);
  const explain = (): string => lastWords(all().at(-1));
  const current = async (): Promise<{ readonly task: Task; readonly pid: number }> => {
    let found: { readonly task: Task; readonly pid: number } | undefined;
    await waitUntil(
      async () => {
        const task = all().at(-1);
        if (task?.lastStatus !== 'RUNNING') return false;
        // Ended meanwhile, it has none, and this is asked again.
        found = { task, pid: await tasks.pid(task) };
        return true;
      },
      { what: `a task of ${name}`, timeoutMs: 120_000, explain },
    );
    if (found === undefined) throw new Error('waitUntil returned without an answer');
    return found;
  };
  const lines: Streamer['lines'] = () => all().flatMap(linesOf);
  return {
    start: () => services.start(name),
    stop: () => services.stop(name),
    task: async () => {
      const { task, pid } = await current();
      const { arn, containerName, logFile } = task;
      return { arn, containerName, logFile, pid };
    },
    kill: async () => {
      const { task, pid } = await current();
      // The container's first process: the kernel ends all others with it.
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        // It has ended meanwhile.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
      await task.stopped;
    },
    get taskCount() {
      return all().length;
    },
    lines,
    waitForLine: async (fits, { timeoutSeconds = 60, after = 0 } = {}) => {
      let found: Readonly<Record<string, unknown>> | undefined;
      await waitUntil(
        () => {
          found = lines().slice(after).find(fits);
          return found !== undefined;
        },
        { what: `a line of ${name}`, timeoutMs: timeoutSeconds * 1000, explain },
      );
      return found ?? {};
    },
  };
}

function linesOf({ logFile }: Task): Readonly<Record<string, unknown>>[] {
  if (!existsSync(logFile)) return [];
  return readFileSync(logFile, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as Readonly<Record<string, unknown>>];
      } catch {
        return [];
      }
    });
}

function lastWords(task: Task | undefined): string {
  if (task === undefined) return 'it has had no task';
  const words = existsSync(task.logFile) ? readFileSync(task.logFile, 'utf8').slice(-2000) : '';
  return `${task.lastStatus} ${task.stoppedReason ?? ''}\n${words}`;
}
