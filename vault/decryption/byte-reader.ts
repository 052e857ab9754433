/** Reads pieces of any size as pieces of the sizes that are asked for. */
export class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #piece: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** @throws Error when the source ends before `into` is full. */
  async fill(into: Buffer): Promise<void> {
    for (let filled = 0; filled < into.length; ) {
      const piece = await this.some();
      if (piece === undefined) throw new Error('it is cut off');
      const length = Math.min(piece.length, into.length - filled);
      piece.copy(into, filled, 0, length);
      this.#piece = piece.subarray(length);
      filled += length;
    }
  }

  /** What has not been read of the next piece, which stays there; `undefined` at the end. */
  async some(): Promise<Buffer | undefined> {
    while (this.#piece.length === 0) {
      const next = await this.#source.next();
      if (next.done === true) return undefined;
      this.#piece = next.value;
    }
    return this.#piece;
  }

  /** Puts bytes back, to be read next. */
  putBack(bytes: Buffer): void {
    this.#piece = this.#piece.length === 0 ? bytes : Buffer.concat([bytes, this.#piece]);
  }

  /** Takes what `some` gave. */
  take(): void {
    this.#piece = Buffer.alloc(0);
  }

  /** Ends the source, if it has not ended. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
