import type { Readable } from 'node:stream';
import { linesOf } from './lines.ts';

/** Lines kept from the start and from the end of what a child says; the rest is counted. */
const KEPT = 50;
const MAX_LINE = 1_000;

/** What a child prints on its standard error, bounded, and its warnings apart. */
export class StderrLines {
  readonly #tail: string[] = [];
  readonly #warnings: string[] = [];
  #warningsCount = 0;
  /** Whether the last line was part of a warning. */
  #inWarning = false;

  /** Settles once all of it has been read. Never rejects. */
  readonly read: Promise<void>;

  constructor(stream: Readable) {
    this.read = this.#readAll(stream);
  }

  /** The last lines, for an error's message. */
  get tail(): string {
    return this.#tail.join('\n');
  }

  /** Lines of the form `program: warning: …`, without that prefix. */
  get warnings(): string[] {
    const dropped = this.#warningsCount - this.#warnings.length;
    return dropped > 0
      ? [...this.#warnings, `… and ${dropped} more warnings`]
      : [...this.#warnings];
  }

  async #readAll(stream: Readable): Promise<void> {
    try {
      for await (const line of linesOf(stream)) this.#take(line.slice(0, MAX_LINE));
    } catch (error) {
      this.#take(`(its output could not be read: ${(error as Error).message})`);
    }
  }

  #take(line: string): void {
    const [, kind, text = ''] = /^pg_\w+: (warning|WARNING|detail|hint): +(.*)$/.exec(line) ?? [];
    if (kind === 'detail' || kind === 'hint') this.#explain(text);
    else this.#inWarning = kind !== undefined;
    if (kind !== undefined && kind.toLowerCase() === 'warning') {
      this.#warningsCount += 1;
      if (this.#warnings.length < KEPT) this.#warnings.push(text);
    }
    this.#tail.push(line);
    if (this.#tail.length > KEPT) this.#tail.shift();
  }

  /** Details and hints belong to what came right before them. */
  #explain(text: string): void {
    if (!this.#inWarning || this.#warningsCount > this.#warnings.length) return;
    this.#warnings.push(`${this.#warnings.pop()} ${text}`.slice(0, MAX_LINE));
  }
}
