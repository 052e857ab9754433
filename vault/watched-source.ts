/**
 * Hands bytes on and remembers whether it was their source that failed: where several streams hang
 * together, that is the cause, and what is met further on only its echo.
 */
export class WatchedSource implements AsyncIterable<Buffer> {
  readonly #source: AsyncIterable<Buffer>;
  #failure: { readonly error: unknown } | undefined;

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source;
  }

  /** What the source threw. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    const source = this.#source[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await source.next().catch((error: unknown) => {
          this.#failure = { error };
          throw error;
        });
        if (next.done === true) return;
        // Outside that catch: when the reader fails, its failure is thrown in here.
        yield next.value;
      }
    } finally {
      await source.return?.();
    }
  }
}
