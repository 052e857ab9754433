import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { groupMembers, signalGroup } from './process-group.ts';
import { StderrLines } from './stderr-lines.ts';

/** How long a group may take to end after SIGTERM before it is killed. */
const TERMINATE_GRACE_MS = 5_000;
/** How long members of a group whose leader is gone may take to end by themselves. */
const STRAGGLER_GRACE_MS = 10_000;

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The child's whole environment: nothing is inherited, so that no credential of ours leaks into it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Aborting it ends the child and all its workers. */
  readonly signal: AbortSignal;
}

/** How a child ended. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * A child in a process group of its own, so that signals reach its workers too, and so that workers
 * that outlive it can be found and ended.
 */
export class Child {
  readonly pid: number;
  readonly name: string;
  readonly stdout: Readable;
  readonly stderr: StderrLines;
  /** Settles once the leader has ended; its workers may still live and write. Never rejects. */
  readonly exit: Promise<ChildExit>;
  /** Settles once nobody holds its output open any more, and all of it has been read. */
  readonly closed: Promise<unknown>;

  private constructor(
    name: string,
    pid: number,
    process: ChildProcessByStdio<null, Readable, Readable>,
  ) {
    this.name = name;
    this.pid = pid;
    this.stdout = process.stdout;
    this.stderr = new StderrLines(process.stderr);
    this.closed = Promise.all([once(process, 'close'), this.stderr.read]);
    this.exit = once(process, 'exit').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
    }));
  }

  /** @throws Error when the program cannot be started. */
  static async start(options: ChildOptions): Promise<Child> {
    const process = spawn(options.command, options.args, {
      cwd: options.cwd,
      env: { ...options.environment },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    await once(process, 'spawn');
    if (process.pid === undefined) throw new Error(`${options.command} has no process id`);
    const child = new Child(options.command, process.pid, process);
    const onAbort = (): void => void child.stop();
    options.signal.addEventListener('abort', onAbort, { once: true });
    void child.exit.then(() => options.signal.removeEventListener('abort', onAbort));
    if (options.signal.aborted) onAbort();
    return child;
  }

  /**
   * Waits until the leader has ended and no member of its group is left. Workers outlive a leader
   * that was killed and go on writing: after a failure they are ended at once, after a success they
   * are given a moment for what can only be their own exit.
   */
  async groupGone(): Promise<ChildExit> {
    const exit = await this.exit;
    if (exit.code !== 0) await this.stop();
    const deadline = Date.now() + STRAGGLER_GRACE_MS;
    let killed = false;
    while (groupMembers(this.pid).length > 0) {
      if (Date.now() > deadline) killed = signalGroup(this.pid, 'SIGKILL') || killed;
      await sleep(20);
    }
    await this.closed;
    // What had to be killed was not done, whatever its leader says.
    return killed ? { code: null, signal: 'SIGKILL' } : exit;
  }

  /** Ends the whole group: SIGTERM, then SIGKILL. Returns when nobody is left. */
  async stop(): Promise<void> {
    signalGroup(this.pid, 'SIGTERM');
    // A stopped process takes SIGTERM only when it goes on.
    signalGroup(this.pid, 'SIGCONT');
    const deadline = Date.now() + TERMINATE_GRACE_MS;
    while (groupMembers(this.pid).length > 0) {
      if (Date.now() > deadline) signalGroup(this.pid, 'SIGKILL');
      await sleep(20);
    }
    await this.closed;
  }
}

/** How a child ended, in words. */
export function describeExit(exit: ChildExit): string {
  return exit.signal === null ? `exit status ${exit.code}` : `signal ${exit.signal}`;
}
