import { constants, type ZstdDecompress } from 'node:zlib';
import type { Inflate, Into } from './inflate.ts';

/**
 * What Node's decompressors are made of. It is not documented, and `handleOf` looks whether it is there:
 * the documented way has each chunk decompressed by a thread that it has to be handed to, and comes back
 * out of another core's cache. Unpacking a base backup takes a tenth longer that way.
 */
export interface Handle {
  writeSync(
    flush: number,
    from: Uint8Array,
    offset: number,
    bytes: number,
    into: Uint8Array,
    intoOffset: number,
    intoBytes: number,
  ): void;
  /** Bytes left of `into`, and of `from`, after a call. */
  readonly left: Uint32Array;
}

/** `undefined` where this Node has no such thing. */
export function handleOf(stream: ZstdDecompress): Handle | undefined {
  const { _handle: handle, _writeState: left } = stream as unknown as Partial<{
    readonly _handle: Pick<Handle, 'writeSync'>;
    readonly _writeState: Uint32Array;
  }>;
  if (typeof handle?.writeSync !== 'function' || !(left instanceof Uint32Array)) return undefined;
  return { writeSync: (...order) => handle.writeSync(...order), left };
}

const NOTHING = new Uint8Array(0);

/** Decompresses zstd at once, in the thread that calls it, into one and the same chunk. */
export class DirectInflate implements Inflate {
  readonly #stream: ZstdDecompress;
  readonly #handle: Handle;
  readonly #chunk: Buffer;
  readonly #into: Into;

  constructor(stream: ZstdDecompress, handle: Handle, chunkBytes: number, into: Into) {
    this.#stream = stream;
    this.#handle = handle;
    this.#chunk = Buffer.allocUnsafeSlow(chunkBytes);
    this.#into = into;
    // What it says besides is asked of it after each call.
    stream.on('error', () => {});
  }

  async take(bytes: Buffer): Promise<void> {
    this.#run(constants.ZSTD_e_continue, bytes);
  }

  async end(): Promise<void> {
    this.#run(constants.ZSTD_e_end, NOTHING);
    this.#stream.destroy();
  }

  #run(flush: number, bytes: Uint8Array): void {
    // The process would end with what is called once more after a failure, or after the end.
    if (this.#stream.destroyed) throw this.#stream.errored ?? new Error('It has ended.');
    for (let at = 0; ; ) {
      const { length } = this.#chunk;
      this.#handle.writeSync(flush, bytes, at, bytes.length - at, this.#chunk, 0, length);
      if (this.#stream.errored) throw this.#stream.errored;
      const [room = 0, rest = 0] = this.#handle.left;
      if (room < length) this.#handOn(this.#chunk.subarray(0, length - room));
      at = bytes.length - rest;
      // It fills a chunk whenever it can, but stops where a frame ends: another one may follow, or garbage.
      if (room > 0 && rest === 0) return;
    }
  }

  #handOn(piece: Buffer): void {
    try {
      this.#into(piece);
    } catch (error) {
      this.#stream.destroy(error as Error);
      throw error;
    }
  }
}
