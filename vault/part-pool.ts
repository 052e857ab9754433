/**
 * A fixed number of equal buffers, lent to whoever fills the next part of an upload. It is what
 * bounds the memory of a backup: when all are lent, `acquire` waits, the encryption behind it waits,
 * files are not read on, the spool fills, and the dump's workers are stopped.
 */
export class PartPool {
  readonly partBytes: number;
  readonly size: number;
  #made = 0;
  #released = 0;
  readonly #free: Buffer[] = [];
  readonly #waiting: ((buffer: Buffer) => void)[] = [];

  /**
   * @param partBytes length of each buffer; S3 wants 5 MiB at least for all but a last part.
   * @param size how many buffers there are at most.
   */
  constructor(partBytes: number, size: number) {
    this.partBytes = partBytes;
    this.size = size;
  }

  /** How often a buffer came back: rises as long as parts are uploaded. */
  get released(): number {
    return this.#released;
  }

  async acquire(): Promise<Buffer> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#made < this.size) {
      this.#made += 1;
      return Buffer.allocUnsafeSlow(this.partBytes);
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  release(buffer: Buffer): void {
    this.#released += 1;
    const next = this.#waiting.shift();
    if (next !== undefined) next(buffer);
    else this.#free.push(buffer);
  }
}
