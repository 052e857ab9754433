/** What is handed on at a time, at most. Bytes. */
const PIECE_BYTES = 256 * 1024;

/**
 * What has come over a connection and is not yet taken, in memory of its own: the client puts the pieces
 * of messages together in a buffer that it writes over as soon as it has handed a message on.
 */
export class ReceiveBuffer {
  readonly #memory: Buffer;
  /** Where the oldest byte lies. */
  #from = 0;
  #length = 0;

  constructor(bytes: number) {
    // Apart from the heap, and touched only as far as it is needed.
    this.#memory = Buffer.allocUnsafeSlow(bytes);
  }

  /** Bytes that wait. */
  get length(): number {
    return this.#length;
  }

  /** Takes a copy. @returns whether there was room for it: without, nothing is taken. */
  push(data: Buffer): boolean {
    const { length: size } = this.#memory;
    if (this.#length + data.length > size) return false;
    const to = (this.#from + this.#length) % size;
    const copied = data.copy(this.#memory, to);
    data.copy(this.#memory, 0, copied);
    this.#length += data.length;
    return true;
  }

  /** The oldest bytes, as many as lie together: they stay as they are until they are let go. */
  peek(): Buffer {
    const together = Math.min(this.#length, this.#memory.length - this.#from, PIECE_BYTES);
    return this.#memory.subarray(this.#from, this.#from + together);
  }

  /** Lets the oldest bytes go. */
  drop(bytes: number): void {
    this.#from = (this.#from + bytes) % this.#memory.length;
    this.#length -= bytes;
  }
}
