import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { logTail } from './log-tail.ts';
import type { Run } from './run.ts';
import { waitUntil } from './wait-until.ts';

export interface ChildServerOptions {
  readonly run: Run;
  /** Names the log and appears in errors. */
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Added to PATH and HOME; nothing else is inherited, so that no AWS setting leaks in. */
  readonly env?: Readonly<Record<string, string>>;
  readonly ready: () => Promise<boolean>;
  /** @default 20,000 */
  readonly timeoutMs?: number;
}

export interface ChildServer {
  readonly pid: number;
  readonly logFile: string;
  stop(): Promise<void>;
}

/** How long a server may take to end by itself before it is killed. */
const PATIENCE_MS = 3_000;

/** Starts a server process, waits until it is ready, and makes sure that it dies with us. */
export async function startChildServer(options: ChildServerOptions): Promise<ChildServer> {
  const { run, name } = options;
  const logFile = join(run.directory, `${name}.log`);
  const log = openSync(logFile, 'a');
  // The kernel kills it when we die, SIGKILL included. It sits in a group of its own so that Ctrl-C
  // leaves it alone while we still talk to it.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...options.command], {
    stdio: ['ignore', log, log],
    detached: true,
    cwd: run.directory,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...options.env },
  });
  closeSync(log);
  const ended = once(child, 'close');
  ended.catch(() => {});
  await once(child, 'spawn');
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} has no process id.`);

  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const stop = async () => {
    if (hasEnded()) return;
    child.kill('SIGTERM');
    const patience = new AbortController();
    const killed = sleep(PATIENCE_MS, undefined, { signal: patience.signal }).then(
      () => child.kill('SIGKILL'),
      () => false,
    );
    await ended;
    patience.abort();
    await killed;
  };

  try {
    await waitUntil(options.ready, {
      what: `${name} to answer`,
      timeoutMs: options.timeoutMs ?? 20_000,
      givenUp: () =>
        hasEnded() ? `it ended with ${child.exitCode ?? child.signalCode}` : undefined,
      explain: () => logTail(logFile),
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid, logFile, stop };
}
