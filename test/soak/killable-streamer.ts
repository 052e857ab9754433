import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { STREAMER_VARIABLE, type StreamerProcess } from './streamer-process.ts';

/** A streamer that can be killed, and started again with nothing but what it is told. */
export class KillableStreamer {
  readonly #program: string;
  readonly #told: StreamerProcess;
  #child: ChildProcess | undefined;
  /** The last lines of all its lives. */
  readonly lines: string[] = [];
  /** The most memory that one of them has had. Bytes. */
  mostResident = 0;
  kills = 0;

  constructor(program: string, told: StreamerProcess) {
    this.#program = program;
    this.#told = told;
  }

  start(): void {
    // As the image runs it: both count in what it is measured by.
    const env = {
      PATH: process.env.PATH,
      MALLOC_ARENA_MAX: '2',
      [STREAMER_VARIABLE]: JSON.stringify(this.#told),
    };
    const child = spawn(process.execPath, ['--max-semi-space-size=1', this.#program], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text: Buffer) => {
        this.lines.push(text.toString().trimEnd());
        if (this.lines.length > 200) this.lines.shift();
      });
    }
    this.#child = child;
  }

  /** Takes note of its memory, if it lives. */
  measure(): void {
    const pid = this.#child?.pid;
    if (pid === undefined || this.#child?.exitCode !== null) return;
    try {
      const [, kB] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      this.mostResident = Math.max(this.mostResident, Number(kB ?? 0) * 1024);
    } catch {
      // It has ended meanwhile.
    }
  }

  /** SIGKILL, at once. */
  async kill(): Promise<void> {
    this.measure();
    await this.#end('SIGKILL');
    this.kills += 1;
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }
}
