import { type FileHandle, open, unlink } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HoldfastError } from '../../../contract/errors.ts';
import type { PendingStream, StreamUpload } from '../../../vault/stream-upload.ts';
import { GrowingFile } from '../engine/growing-file.ts';
import { createCompressor } from '../logical/stream-compression.ts';
import { TarMembers } from './tar-members.ts';

/** Bytes that are read at a time. */
const READ_BYTES = 128 * 1024;

export interface WalTailOptions {
  readonly path: string;
  readonly upload: StreamUpload;
  /** As for the other tars, but by us: pg_basebackup leaves this one as it is. */
  readonly compression: string;
  /** Bytes after which the file's start is freed; `undefined` where the file system cannot. */
  readonly punchEvery: number | undefined;
}

/**
 * Follows `pg_wal.tar`, up to the header of its last member: as long as a segment is being received its
 * place is filled with zeros, and its header, written last, does not say how long it is.
 */
export class WalTail {
  readonly #options: WalTailOptions;
  readonly #file: GrowingFile;
  readonly #members = new TarMembers();
  #offset = 0;

  constructor(options: WalTailOptions) {
    this.#options = options;
    this.#file = new GrowingFile(options.path, options.punchEvery);
  }

  /** Names of the segments and history files that it holds. */
  get files(): ReadonlySet<string> {
    return this.#members.names;
  }

  /** Tells the tail what the directory shows; never shrinks. */
  advance(size: number, closed: boolean): void {
    this.#file.advance(size, closed);
  }

  /**
   * Uploads to the end, whenever that comes, then removes the file.
   *
   * @throws HoldfastError DUMP_INCOMPLETE when the archive has no end
   */
  async run(signal: AbortSignal): Promise<PendingStream> {
    const { path, upload, compression } = this.#options;
    const file = await open(path, 'r');
    try {
      const plain = Readable.from(this.#pieces(file, signal), { objectMode: false });
      const intoVault = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
        for await (const chunk of chunks) await upload.write(chunk);
      };
      const compressor = createCompressor(compression);
      await (compressor === undefined
        ? pipeline(plain, intoVault, { signal })
        : pipeline(plain, compressor, intoVault, { signal }));
      const stream = await upload.finish();
      await unlink(path);
      return stream;
    } finally {
      await file.close();
    }
  }

  async *#pieces(file: FileHandle, signal: AbortSignal): AsyncGenerator<Buffer> {
    for (;;) {
      // Read before the look: what the look shows is all there is if it was closed before.
      const closed = this.#file.closed;
      const size = this.#file.size;
      await this.#members.look(file, size, closed);
      const final = closed ? size : this.#members.lastHeader;
      while (this.#offset < final) {
        signal.throwIfAborted();
        const piece = Buffer.allocUnsafe(Math.min(READ_BYTES, final - this.#offset));
        const { bytesRead } = await file.read(piece, 0, piece.length, this.#offset);
        if (bytesRead === 0) throw incomplete('it became shorter while it was read');
        this.#offset += bytesRead;
        yield piece.subarray(0, bytesRead);
        // What the look still has to read lies behind the last header.
        await this.#file.free(this.#offset);
      }
      if (closed) break;
      if (this.#file.size === size && !this.#file.closed) await this.#file.change(signal);
    }
    if (!this.#members.ended) throw incomplete('it lacks its end');
  }
}

function incomplete(found: string): HoldfastError {
  return new HoldfastError('DUMP_INCOMPLETE', `pg_wal.tar is not a whole tar archive: ${found}.`, {
    hint: 'Nothing was published. Run the backup again.',
  });
}
