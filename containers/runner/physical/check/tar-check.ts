import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { HoldfastError } from '../../../../contract/errors.ts';
import type { Inflate } from '../../inflate/inflate.ts';
import { inflateZstd } from '../../inflate/make-inflate.ts';
import { type TarEntry, type TarVisitor, TarWalker } from '../../tar-walker.ts';
import type { BaseFile } from './file-sums.ts';

/** Bytes that are read from the file at a time. */
const READ_BYTES = 128 * 1024;
/** Bytes that are decompressed at a time. */
const PLAIN_BYTES = 64 * 1024;
/** Longest content that is kept of a file that is asked for, bytes. */
const MAX_KEPT = 1024 * 1024;

/** An entry's type. */
const FILE = '0';

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
  readonly #walker: TarWalker;
  readonly #inflate: Inflate | undefined;
  readonly #kept = new Map<string, string>();
  readonly #chunk = Buffer.alloc(READ_BYTES);
  #offset = 0;

  constructor(options: TarCheckOptions) {
    this.#options = options;
    this.#fd = openSync(options.path, 'r');
    this.#walker = new TarWalker(new Hashing(options, this.#kept));
    this.#inflate = options.compressed
      ? inflateZstd(PLAIN_BYTES, (piece) => this.#walker.take(piece))
      : undefined;
  }

  /** Content of the files that were to be kept, by name. */
  get kept(): ReadonlyMap<string, string> {
    return this.#kept;
  }

  /** Takes the next bytes of the file. Settles once they have been read, and gone through. */
  async take(bytes: number): Promise<void> {
    for (let left = bytes; left > 0; ) {
      const read = readSync(this.#fd, this.#chunk, 0, Math.min(left, READ_BYTES), this.#offset);
      if (read === 0) throw this.#broken(new Error('it ends early'));
      this.#offset += read;
      left -= read;
      const chunk = this.#chunk.subarray(0, read);
      await this.#telling(async () => {
        if (this.#inflate === undefined) this.#walker.take(chunk);
        else await this.#inflate.take(chunk);
      });
    }
  }

  /** @throws HoldfastError DUMP_INCOMPLETE unless the archive is whole to its end. */
  async end(): Promise<void> {
    await this.#telling(async () => {
      await this.#inflate?.end();
      this.#walker.end();
    });
    closeSync(this.#fd);
  }

  async #telling(work: () => Promise<void>): Promise<void> {
    await work().catch((error: unknown) => {
      throw this.#broken(error as Error);
    });
  }

  #broken(cause: Error): HoldfastError {
    return new HoldfastError(
      'DUMP_INCOMPLETE',
      `${this.#options.name} is not a whole tar archive: ${cause.message}.`,
      { hint: 'Nothing was published. Run the backup again.', cause },
    );
  }
}

/** Hashes each file, and keeps the content of some. */
class Hashing implements TarVisitor {
  readonly #options: TarCheckOptions;
  readonly #kept: Map<string, string>;
  #now:
    | { readonly entry: TarEntry; readonly hash: Hash; readonly pieces: Buffer[] | undefined }
    | undefined;

  constructor(options: TarCheckOptions, kept: Map<string, string>) {
    this.#options = options;
    this.#kept = kept;
  }

  begin(entry: TarEntry): void {
    if (entry.type !== FILE) return;
    const wanted = this.#options.keep.includes(entry.name) && entry.size <= MAX_KEPT;
    this.#now = { entry, hash: createHash('sha256'), pieces: wanted ? [] : undefined };
  }

  content(piece: Buffer): void {
    this.#now?.hash.update(piece);
    this.#now?.pieces?.push(Buffer.from(piece));
  }

  end(): void {
    if (this.#now === undefined) return;
    const { entry, hash, pieces } = this.#now;
    const { name, size } = entry;
    if (pieces !== undefined) this.#kept.set(name, Buffer.concat(pieces).toString('utf8'));
    const path = `${this.#options.prefix}${name}`;
    this.#options.onFile({ path, size, sha256: hash.digest('hex') });
    this.#now = undefined;
  }
}
