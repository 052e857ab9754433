import type { WalBody, WalMessage } from '../../../vault/wal/wal-message.ts';
import type { PageCheck } from '../../../vault/wal/wal-pages.ts';
import { assertResumed, type ResumedBytes } from './resumed-bytes.ts';

export interface OpenSegmentOptions {
  readonly name: string;
  readonly start: bigint;
  readonly message: WalMessage;
  /** Of this segment, from its beginning on. */
  readonly pages: PageCheck;
  /** Where the message lies. */
  readonly body: Buffer;
  /** Of a segment's size. */
  readonly plain: Buffer;
  /** Bytes that increments have brought into the vault before. */
  readonly sent: number;
  /** The last of them, which what comes has to agree with. */
  readonly resumed: ResumedBytes | undefined;
}

/** The segment that is being received: encrypted as it comes, and kept as it came, for increments. */
export class OpenSegment {
  readonly name: string;
  readonly start: bigint;
  readonly body: Buffer;
  readonly #message: WalMessage;
  readonly #pages: PageCheck;
  readonly #plain: Buffer;
  #resumed: ResumedBytes | undefined;
  #sent: number;
  #filled = 0;
  #compressing: Promise<void> = Promise.resolve();

  constructor({ name, start, message, pages, body, plain, sent, resumed }: OpenSegmentOptions) {
    this.name = name;
    this.start = start;
    this.#message = message;
    this.#pages = pages;
    this.body = body;
    this.#plain = plain;
    this.#sent = sent;
    this.#resumed = resumed;
  }

  /** Bytes that have come. */
  get filled(): number {
    return this.#filled;
  }

  /** What has come. */
  get plain(): Buffer {
    return this.#plain.subarray(0, this.#filled);
  }

  /** Bytes that are missing. */
  get room(): number {
    return this.#plain.length - this.#filled;
  }

  /** Whether something came that no increment has taken. */
  get hasNews(): boolean {
    return this.#filled > this.#sent;
  }

  /**
   * Takes a copy, to be compressed while the next piece is waited for.
   *
   * @throws Error for bytes that are not those of this segment, HoldfastError WAL_CONFLICT for others than
   * the vault has of it: nothing of them is taken.
   */
  async write(piece: Buffer): Promise<void> {
    this.#pages.update(piece);
    const at = this.#filled;
    const filled = at + piece.copy(this.#plain, at);
    if (this.#resumed !== undefined && filled >= this.#resumed.to) {
      assertResumed(this.#resumed, this.#plain);
      this.#resumed = undefined;
    }
    this.#filled = filled;
    const before = this.#compressing;
    this.#compressing = this.#message.write(this.#plain.subarray(at, this.#filled));
    // Awaited with the next piece: until then a failure is nobody's yet.
    this.#compressing.catch(() => undefined);
    await before;
  }

  /** All of it, ready to be sent. */
  async finish(): Promise<WalBody> {
    await this.#compressing;
    return await this.#message.finish();
  }

  /** Lets go of what one that is not finished holds. */
  drop(): void {
    this.#message.drop();
  }

  /** What came since the last increment. It stays as it is until another segment is begun. */
  takeNews(): { from: number; to: number; plain: Buffer } {
    const [from, to] = [this.#sent, this.#filled];
    this.#sent = to;
    return { from, to, plain: this.#plain.subarray(from, to) };
  }
}
