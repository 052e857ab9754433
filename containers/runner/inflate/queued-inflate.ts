import { finished } from 'node:stream/promises';
import type { Gunzip, ZstdDecompress } from 'node:zlib';

/**
 * One of Node's decompressors as what it is here: bytes go in, others come out, and all that has come out
 * has been looked at before more goes in. Its memory is that of a chunk or two.
 */
export class Inflate {
  readonly #stream: ZstdDecompress | Gunzip;
  readonly #done: Promise<void>;
  /** Ends a write whose stream has been destroyed: nobody else would. */
  #goOn: () => void = () => {};
  #failed = false;

  /**
   * @param chunkBytes of the stream, what it hands on at a time.
   * @param into looks at a piece, which is overwritten, or freed, afterwards. What it throws ends the stream.
   */
  constructor(stream: ZstdDecompress | Gunzip, chunkBytes: number, into: (piece: Buffer) => void) {
    this.#stream = stream;
    let last: Buffer | undefined;
    stream.on('data', (piece: Buffer) => {
      try {
        into(piece);
      } catch (error) {
        stream.destroy(error as Error);
      }
      // The memory of one before is not written to any more.
      if (last !== undefined && last.buffer !== piece.buffer) giveBack(last, chunkBytes);
      last = piece;
    });
    this.#done = finished(stream);
    this.#done.catch(() => {
      this.#failed = true;
      this.#goOn();
    });
  }

  /** Settles once nobody looks at the bytes any more. @throws what the stream, or `into`, failed with */
  async take(bytes: Buffer): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#goOn = resolve;
      this.#stream.write(bytes, () => resolve());
    });
    if (this.#failed) await this.#done;
  }

  /** @throws what the stream, or `into`, failed with: when it is cut off, above all */
  async end(): Promise<void> {
    this.#stream.end();
    await this.#done;
  }
}

/** Frees the memory at once: the garbage collector would come for it only when there are tens of megabytes. */
function giveBack({ buffer }: Buffer, bytes: number): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes) buffer.transfer(0);
}
