import { type FileHandle, open, unlink } from 'node:fs/promises';
import { FRAME_BYTES } from '../../../vault/encryption/message-format.ts';
import type { PendingStream, StreamUpload } from '../../../vault/stream-upload.ts';
import { GrowingFile } from './growing-file.ts';

/** Bytes handed on at a time at most: so often what was uploaded can be freed. */
const TAKE_BYTES = 8 * FRAME_BYTES;

export interface FileTailOptions {
  readonly path: string;
  readonly upload: StreamUpload;
  /** Bytes after which the file's start is freed; `undefined` where the file system cannot. */
  readonly punchEvery: number | undefined;
  /** Reads the same bytes, before they are freed. */
  readonly alongside?: Alongside;
}

/** Somebody else who reads a file that is followed. */
export interface Alongside {
  /** Reads on by so many bytes. */
  take(bytes: number): Promise<void>;
  /** Told that there is no more. */
  end(): Promise<void>;
}

/**
 * Follows one file while it grows: what is there is read, encrypted and uploaded, and its blocks are
 * given back. `advance` says how far it has grown and when it will grow no more.
 */
export class FileTail {
  readonly #options: FileTailOptions;
  readonly #file: GrowingFile;
  #offset = 0;

  constructor(options: FileTailOptions) {
    this.#options = options;
    this.#file = new GrowingFile(options.path, options.punchEvery);
  }

  /** Tells the tail what the directory shows; never shrinks. */
  advance(size: number, closed: boolean): void {
    this.#file.advance(size, closed);
  }

  /** Uploads to the end, whenever that comes, then removes the file. */
  async run(signal: AbortSignal): Promise<PendingStream> {
    const { path, upload } = this.#options;
    const file = await open(path, 'r');
    try {
      for (;;) {
        await this.#takeFrames(file, signal);
        if (this.#file.closed && this.#file.size - this.#offset < FRAME_BYTES) break;
        await this.#file.change(signal);
      }
      const rest = { fd: file.fd, offset: this.#offset, bytes: this.#file.size - this.#offset };
      const stream = await both(upload.finish(rest), this.#endAlongside(rest.bytes));
      await unlink(path);
      return stream;
    } finally {
      await file.close();
    }
  }

  async #takeFrames(file: FileHandle, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const there = Math.min(TAKE_BYTES, this.#file.size - this.#offset);
      const bytes = there - (there % FRAME_BYTES);
      if (bytes === 0) return;
      const uploading = this.#options.upload.writeFile(file.fd, this.#offset, bytes);
      await both(uploading, this.#options.alongside?.take(bytes));
      this.#offset += bytes;
      await this.#file.free(this.#offset);
    }
  }

  async #endAlongside(bytes: number): Promise<void> {
    await this.#options.alongside?.take(bytes);
    await this.#options.alongside?.end();
  }
}

/** What the first comes to, once neither needs the file any more, whichever of them fails. */
async function both<T>(first: Promise<T>, second: Promise<void> | undefined): Promise<T> {
  await Promise.allSettled([first, second]);
  await second;
  return await first;
}
