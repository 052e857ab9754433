import type { WalMessage } from '../../../vault/wal/wal-message.ts';

export interface OpenSegmentOptions {
  readonly name: string;
  readonly start: bigint;
  readonly message: WalMessage;
  /** Where the message lies. */
  readonly body: Buffer;
  /** Of a segment's size. */
  readonly plain: Buffer;
  /** Bytes that increments have brought into the vault before. */
  readonly sent: number;
}

/** The segment that is being received: encrypted as it comes, and kept as it came, for increments. */
export class OpenSegment {
  readonly name: string;
  readonly start: bigint;
  readonly message: WalMessage;
  readonly body: Buffer;
  readonly #plain: Buffer;
  #sent: number;
  #filled = 0;

  constructor({ name, start, message, body, plain, sent }: OpenSegmentOptions) {
    this.name = name;
    this.start = start;
    this.message = message;
    this.body = body;
    this.#plain = plain;
    this.#sent = sent;
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

  async write(piece: Buffer): Promise<void> {
    await this.message.write(piece);
    this.#filled += piece.copy(this.#plain, this.#filled);
  }

  /** What came since the last increment. It stays as it is until another segment is begun. */
  takeNews(): { from: number; to: number; plain: Buffer } {
    const [from, to] = [this.#sent, this.#filled];
    this.#sent = to;
    return { from, to, plain: this.#plain.subarray(from, to) };
  }
}
