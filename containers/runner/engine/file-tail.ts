import { type FileHandle, open, unlink } from 'node:fs/promises';
import { FRAME_BYTES } from '../../../vault/encryption/message-format.ts';
import type { PendingStream, StreamUpload } from '../../../vault/stream-upload.ts';
import { punchHole } from './hole-punch.ts';

/** Bytes handed on at a time at most: so often what was uploaded can be freed. */
const TAKE_BYTES = 8 * FRAME_BYTES;

export interface FileTailOptions {
  readonly path: string;
  readonly upload: StreamUpload;
  /** Bytes after which the file's start is freed; `undefined` where the file system cannot. */
  readonly punchEvery: number | undefined;
}

/**
 * Follows one file while it grows: what is there is read, encrypted and uploaded, and its blocks are
 * given back. `advance` says how far it has grown and when it will grow no more.
 */
export class FileTail {
  readonly #options: FileTailOptions;
  #offset = 0;
  #punched = 0;
  #size = 0;
  #closed = false;
  #wake: () => void = () => {};

  constructor(options: FileTailOptions) {
    this.#options = options;
  }

  /** Tells the tail what the directory shows; never shrinks. */
  advance(size: number, closed: boolean): void {
    this.#size = Math.max(this.#size, size);
    this.#closed ||= closed;
    this.#wake();
  }

  /** Uploads to the end, whenever that comes, then removes the file. */
  async run(signal: AbortSignal): Promise<PendingStream> {
    const { path, upload } = this.#options;
    const file = await open(path, 'r');
    try {
      for (;;) {
        await this.#takeFrames(file, signal);
        if (this.#closed && this.#size - this.#offset < FRAME_BYTES) break;
        await this.#change(signal);
      }
      const rest = { fd: file.fd, offset: this.#offset, bytes: this.#size - this.#offset };
      const stream = await upload.finish(rest);
      await unlink(path);
      return stream;
    } finally {
      await file.close();
    }
  }

  async #takeFrames(file: FileHandle, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const there = Math.min(TAKE_BYTES, this.#size - this.#offset);
      const bytes = there - (there % FRAME_BYTES);
      if (bytes === 0) return;
      await this.#options.upload.writeFile(file.fd, this.#offset, bytes);
      this.#offset += bytes;
      await this.#free();
    }
  }

  async #free(): Promise<void> {
    const { punchEvery, path } = this.#options;
    if (punchEvery === undefined || this.#offset - this.#punched < punchEvery) return;
    await punchHole(path, this.#punched, this.#offset);
    this.#punched = this.#offset;
  }

  async #change(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#wake = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
    });
    this.#wake = () => {};
  }
}
