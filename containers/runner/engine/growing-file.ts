import { punchHole } from './hole-punch.ts';

/** A file that somebody else writes: how far it has grown, and what of it was given back. */
export class GrowingFile {
  readonly #path: string;
  readonly #punchEvery: number | undefined;
  #size = 0;
  #closed = false;
  #punched = 0;
  #wake: () => void = () => {};

  /** @param punchEvery bytes after which its start is freed; `undefined` where the file system cannot. */
  constructor(path: string, punchEvery: number | undefined) {
    this.#path = path;
    this.#punchEvery = punchEvery;
  }

  get size(): number {
    return this.#size;
  }

  /** It grows no more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Tells what the directory shows; never shrinks. */
  advance(size: number, closed: boolean): void {
    this.#size = Math.max(this.#size, size);
    this.#closed ||= closed;
    this.#wake();
  }

  /** Waits until something more is told. @throws the signal's reason */
  async change(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#wake = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
    });
    this.#wake = () => {};
  }

  /** Gives back what lies before, once it is enough to be worth it. */
  async free(before: number): Promise<void> {
    if (this.#punchEvery === undefined || before - this.#punched < this.#punchEvery) return;
    await punchHole(this.#path, this.#punched, before);
    this.#punched = before;
  }
}
