import { type FileHandle, open, unlink } from 'node:fs/promises';
import type { PendingStream, StreamUpload } from '../../../vault/stream-upload.ts';
import { punchHole } from './hole-punch.ts';

/** Bytes read at a time. */
const READ_BYTES = 1024 * 1024;

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
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES);
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

  /** Reads to the end, whenever that comes, then removes the file. */
  async run(signal: AbortSignal): Promise<PendingStream> {
    const file = await open(this.#options.path, 'r');
    try {
      for (;;) {
        await this.#readAvailable(file, signal);
        if (this.#closed && this.#offset === this.#size) break;
        await this.#change(signal);
      }
    } finally {
      await file.close();
    }
    await unlink(this.#options.path);
    return this.#options.upload.finish();
  }

  async #readAvailable(file: FileHandle, signal: AbortSignal): Promise<void> {
    const { upload } = this.#options;
    // Less than a buffer full is left until there is more: small reads cost as much as large ones.
    while (this.#size - this.#offset >= READ_BYTES || (this.#closed && this.#offset < this.#size)) {
      signal.throwIfAborted();
      const wanted = Math.min(READ_BYTES, this.#size - this.#offset);
      const { bytesRead } = await file.read(this.#buffer, 0, wanted, this.#offset);
      if (bytesRead === 0) {
        throw new Error(`${this.#options.path} is shorter than it was: ${this.#offset} bytes`);
      }
      await upload.write(this.#buffer.subarray(0, bytesRead));
      this.#offset += bytesRead;
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
