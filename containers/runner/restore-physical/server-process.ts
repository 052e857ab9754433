import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '../../../contract/errors.ts';
import { QUARANTINE } from './quarantine.ts';
import { ANYWHERE, type ServerPrograms } from './server-programs.ts';

/** In the quarantine's directory. */
export const LOG_FILE = 'server.log';
const LOOK_MS = 100;
const KEPT_LINES = 15;

/**
 * A server of ours, in the foreground, whose log is a file: it is not ended by our own end, and what it
 * says is read there.
 */
export class ServerProcess {
  readonly logFile: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<string>;
  #ended: string | undefined;
  #read: number;

  private constructor(child: ChildProcess, logFile: string, read: number) {
    this.#child = child;
    this.logFile = logFile;
    this.#read = read;
    this.#exit = once(child, 'exit').then(([code, signal]) => {
      this.#ended = signal === null ? `exit status ${code}` : `signal ${signal}`;
      return this.#ended;
    });
    // Where it cannot even be started, `start` throws, and nobody waits for its exit.
    this.#exit.catch(() => undefined);
  }

  /** @param environment the server's whole one, and that of its restore_command. */
  static async start(
    programs: ServerPrograms,
    directory: string,
    environment: Readonly<Record<string, string | undefined>>,
  ): Promise<ServerProcess> {
    const logFile = join(directory, QUARANTINE, LOG_FILE);
    const log = await open(logFile, 'a', 0o600);
    try {
      const { size } = await log.stat();
      // A group of its own: Ctrl-C on the terminal is for us, who then stop it.
      const child = spawn(join(programs.directory, 'postgres'), ['-D', directory], {
        cwd: ANYWHERE,
        env: serverEnvironment(environment),
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
      });
      const server = new ServerProcess(child, logFile, size);
      await once(child, 'spawn');
      return server;
    } finally {
      await log.close();
    }
  }

  /** How it ended; `undefined`: it runs. */
  get ended(): string | undefined {
    return this.#ended;
  }

  /**
   * Whole lines of its log as they come, until it has ended, or the reader stops reading.
   *
   * @throws the signal's reason
   */
  async *lines(signal: AbortSignal | undefined): AsyncGenerator<string> {
    for (let rest = ''; ; ) {
      // Before the read: what is written until the end is still read after it.
      const ended = this.#ended;
      rest += await this.#readOn();
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
      if (ended !== undefined) return;
      if (lines.length === 0) {
        // It rejects with an error of its own; the reason is thrown below.
        const look = sleep(LOOK_MS, undefined, { signal }).catch(() => {});
        await Promise.race([this.#exit, look]);
      }
      signal?.throwIfAborted();
    }
  }

  /** Shuts it down: sessions are ended, everything is written. */
  async stop(): Promise<void> {
    if (this.#ended !== undefined) return;
    this.#child.kill('SIGINT');
    await this.#exit;
  }

  /** The last words of its log that tell of more than progress. */
  async tail(): Promise<string> {
    const text = await readFile(this.logFile, 'utf8');
    let kept = false;
    const lines = text.split('\n').filter((line) => {
      // These two are about the line before them, which may be one of progress.
      if (!/(HINT|DETAIL): {2}/.test(line)) kept = /(FATAL|PANIC|ERROR|error|holdfast)/.test(line);
      return kept;
    });
    return lines.slice(-KEPT_LINES).join('\n');
  }

  async #readOn(): Promise<string> {
    const file = await open(this.logFile, 'r');
    try {
      const { size } = await file.stat();
      const buffer = Buffer.alloc(Math.max(0, size - this.#read));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, this.#read);
      this.#read += bytesRead;
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  }
}

/** Nothing of ours that PostgreSQL takes for its own: PGPORT, PGDATA, PGOPTIONS. */
function serverEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const rest = Object.entries(environment).filter(([name]) => !name.startsWith('PG'));
  return { ...Object.fromEntries(rest), LC_ALL: 'C', TZ: 'UTC' };
}

/** PostgreSQL refuses to run as root. @throws HoldfastError RESTORE_REFUSED */
export function assertNotRoot(): void {
  if (process.getuid?.() !== 0) return;
  throw new HoldfastError('RESTORE_REFUSED', 'PostgreSQL does not run as root, and this is root.', {
    hint: 'Run it as the user who will own the data directory and run the server: sudo -u postgres holdfast …',
  });
}
