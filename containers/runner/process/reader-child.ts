import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { ChildExit } from './child.ts';

/** A program that reads a stream which also goes elsewhere, and may stop reading before its end. */
export class ReaderChild {
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<ChildExit>;
  #gone = false;

  private constructor(process: ChildProcessWithoutNullStreams) {
    this.#process = process;
    this.stdout = process.stdout;
    this.stderr = process.stderr;
    // It closes its input when it has seen enough; how it ended tells whether it liked it.
    process.stdin.on('error', () => {
      this.#gone = true;
    });
    this.#closed = once(process, 'close').then(([code, signal]) => {
      this.#gone = true;
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  /** @throws Error when the program cannot be started. */
  static async start(command: string, args: readonly string[], cwd: string): Promise<ReaderChild> {
    const child = spawn(command, args, {
      cwd,
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C.UTF-8' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    await once(child, 'spawn');
    return new ReaderChild(child);
  }

  /** Hands a chunk on, waiting while the program is busy; does nothing once it reads no more. */
  async write(chunk: Buffer): Promise<void> {
    if (this.#gone || this.#process.stdin.destroyed) return;
    await new Promise<void>((resolve) => {
      // Called with an error, too, when the program goes away meanwhile.
      this.#process.stdin.write(chunk, () => resolve());
    });
  }

  /** Ends its input and waits for its end. */
  async end(): Promise<ChildExit> {
    this.#process.stdin.end();
    return await this.#closed;
  }

  /** Ends it, whatever it does. */
  async stop(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#closed;
  }
}
