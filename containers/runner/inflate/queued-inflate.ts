import { finished } from 'node:stream/promises';
import type { Gunzip, ZstdDecompress } from 'node:zlib';
import type { Inflate, Into } from './inflate.ts';

/** As Node means its decompressors to be used: chunk by chunk, in other threads. */
export class QueuedInflate implements Inflate {
  readonly #stream: ZstdDecompress | Gunzip;
  readonly #done: Promise<void>;
  /** Ends a write whose stream has been destroyed: nobody else would. */
  #goOn: () => void = () => {};
  #failed = false;

  constructor(stream: ZstdDecompress | Gunzip, chunkBytes: number, into: Into) {
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

  async take(bytes: Buffer): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#goOn = resolve;
      this.#stream.write(bytes, () => resolve());
    });
    if (this.#failed) await this.#done;
  }

  async end(): Promise<void> {
    this.#stream.end();
    await this.#done;
  }
}

/** Frees the memory at once: the garbage collector would come for it only when there are tens of megabytes. */
function giveBack({ buffer }: Buffer, bytes: number): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes) buffer.transfer(0);
}
