/** Memory for encrypted segments: who finds none waits, and with him the server. */
export class BodyPool {
  readonly #free: Buffer[];
  readonly #waiting: ((buffer: Buffer) => void)[] = [];

  constructor(buffers: number, bytes: number) {
    // Apart from the heap, and touched only as far as they are written.
    this.#free = Array.from({ length: buffers }, () => Buffer.allocUnsafeSlow(bytes));
  }

  async acquire(signal: AbortSignal): Promise<Buffer> {
    signal.throwIfAborted();
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const abort = (): void => {
      const place = this.#waiting.indexOf(resolve);
      if (place >= 0) this.#waiting.splice(place, 1);
      reject(signal.reason);
    };
    this.#waiting.push(resolve);
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  release(buffer: Buffer): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(buffer);
    else next(buffer);
  }
}
