import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { PassThrough, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdDecompress } from 'node:zlib';
import { type ExtractEvents, extract } from 'tar-stream';
import { HoldfastError } from '../../../../contract/errors.ts';
import type { BaseFile } from './file-sums.ts';

/** Bytes that are read from the file at a time. */
const READ_BYTES = 128 * 1024;
/** Bytes that are decompressed at a time. */
const PLAIN_BYTES = 64 * 1024;
/** A tar archive ends with two blocks of zeros. */
const END_BYTES = 1024;
/** Longest content that is kept of a file that is asked for, bytes. */
const MAX_KEPT = 1024 * 1024;

type TarEntry = ExtractEvents['entry'];

export interface TarCheckOptions {
  /** The file as it grows. */
  readonly path: string;
  /** Named in errors, such as `base.tar`. */
  readonly name: string;
  /** What paths in `backup_manifest` begin with that this tar leaves out. */
  readonly prefix: string;
  /** By zstd. */
  readonly compressed: boolean;
  /** Names of files whose content is wanted. */
  readonly keep: readonly string[];
  /** Told of each file. */
  readonly onFile: (file: BaseFile) => void;
}

/** Reads a tar while it is being written, and hashes what is in it. */
export class TarCheck {
  readonly #options: TarCheckOptions;
  readonly #fd: number;
  readonly #into: Writable;
  readonly #done: Promise<void>;
  readonly #kept = new Map<string, string>();
  readonly #chunk = Buffer.alloc(READ_BYTES);
  #failed = false;
  /** Ends a write whose stream has been destroyed: nobody else would. */
  #goOn: () => void = () => {};
  #offset = 0;
  #end = Buffer.alloc(0);

  constructor(options: TarCheckOptions) {
    this.#options = options;
    this.#fd = openSync(options.path, 'r');
    const entries = extract();
    entries.on('entry', (...entry) => this.#takeEntry(...entry));
    const plain = options.compressed
      ? createZstdDecompress({ chunkSize: PLAIN_BYTES })
      : new PassThrough();
    this.#into = plain;
    this.#done = pipeline(plain, (chunks) => this.#watchEnd(chunks), entries);
    this.#done.catch(() => {
      this.#failed = true;
      this.#goOn();
    });
  }

  /** Content of the files that were to be kept, by name. */
  get kept(): ReadonlyMap<string, string> {
    return this.#kept;
  }

  /** Takes the next bytes of the file. Settles once they have been read, and gone through. */
  async take(bytes: number): Promise<void> {
    for (let left = bytes; left > 0; ) {
      const read = readSync(this.#fd, this.#chunk, 0, Math.min(left, READ_BYTES), this.#offset);
      if (read === 0) throw this.#broken('it ends early');
      this.#offset += read;
      left -= read;
      await this.#write(this.#chunk.subarray(0, read));
    }
  }

  /** Settles once nobody looks at the chunk any more. */
  async #write(chunk: Buffer): Promise<void> {
    // What is not compressed is handed on as it is.
    const mine = this.#options.compressed ? chunk : Buffer.from(chunk);
    await new Promise<void>((resolve) => {
      this.#goOn = resolve;
      this.#into.write(mine, () => resolve());
    });
    if (this.#failed) await this.#whole();
  }

  /** @throws HoldfastError DUMP_INCOMPLETE unless the archive is whole to its end. */
  async end(): Promise<void> {
    this.#into.end();
    await this.#whole();
    if (this.#end.length < END_BYTES || this.#end.some((byte) => byte !== 0)) {
      throw this.#broken('it lacks its end');
    }
    closeSync(this.#fd);
  }

  async #whole(): Promise<void> {
    await this.#done.catch((error: unknown) => {
      throw this.#broken((error as Error).message, error);
    });
  }

  async *#watchEnd(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      this.#end =
        chunk.length >= END_BYTES
          ? Buffer.from(chunk.subarray(-END_BYTES))
          : Buffer.concat([this.#end, chunk]).subarray(-END_BYTES);
      yield chunk;
    }
  }

  #takeEntry(...[{ name, size, type }, entry, next]: TarEntry): void {
    // The archive's own failure, which is told by the pipeline.
    entry.on('error', () => undefined);
    if (type !== 'file') {
      entry.on('end', () => next());
      entry.resume();
      return;
    }
    const hash = createHash('sha256');
    const wanted = this.#options.keep.includes(name) && size <= MAX_KEPT;
    const pieces: Buffer[] = [];
    entry.on('data', (data) => {
      const piece = data as Buffer;
      hash.update(piece);
      if (wanted) pieces.push(Buffer.from(piece));
    });
    entry.on('end', () => {
      if (wanted) this.#kept.set(name, Buffer.concat(pieces).toString('utf8'));
      const path = `${this.#options.prefix}${name}`;
      this.#options.onFile({ path, size, sha256: hash.digest('hex') });
      next();
    });
  }

  #broken(found: string, cause?: unknown): HoldfastError {
    return new HoldfastError(
      'DUMP_INCOMPLETE',
      `${this.#options.name} is not a whole tar archive: ${found}.`,
      { hint: 'Nothing was published. Run the backup again.', cause },
    );
  }
}
