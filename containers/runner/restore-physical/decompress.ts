import { HoldfastError } from '../../../contract/errors.ts';
import type { Inflate } from '../inflate/inflate.ts';
import { inflateGzip, inflateZstd } from '../inflate/make-inflate.ts';

/** What a decompressor hands on at a time, bytes. */
const CHUNK_BYTES = 256 * 1024;
/** As many bytes tell what a stream is. */
const MAGIC_BYTES = 4;
/** What a stream begins with; a tar begins with a file's name, which is none of these. */
const MAGIC = [
  { bytes: Buffer.from('28b52ffd', 'hex'), inflate: inflateZstd },
  { bytes: Buffer.from('1f8b', 'hex'), inflate: inflateGzip },
  { bytes: Buffer.from('04224d18', 'hex'), inflate: lz4 },
] as const;

/**
 * Hands on a tar's bytes, whatever it was compressed with: pg_basebackup leaves pg_wal.tar uncompressed
 * where it compresses the others. What is handed on is overwritten, or freed, afterwards.
 */
export class Decompressor {
  readonly #into: (piece: Buffer) => void;
  #head = Buffer.alloc(0);
  #inflate: Inflate | undefined;
  #known = false;

  constructor(into: (piece: Buffer) => void) {
    this.#into = into;
  }

  /** @throws HoldfastError VAULT_INTEGRITY when it is not what it begins as; what `into` throws */
  async take(bytes: Buffer): Promise<void> {
    if (this.#known) {
      await this.#put(bytes);
      return;
    }
    this.#head = Buffer.concat([this.#head, bytes]);
    if (this.#head.length >= MAGIC_BYTES) await this.#begin();
  }

  /** @throws HoldfastError VAULT_INTEGRITY when it is cut off */
  async end(): Promise<void> {
    if (!this.#known) await this.#begin();
    await this.#inflate?.end().catch(tell);
  }

  async #begin(): Promise<void> {
    const head = this.#head;
    const kind = MAGIC.find(({ bytes }) => head.subarray(0, bytes.length).equals(bytes));
    this.#inflate = kind?.inflate(CHUNK_BYTES, this.#into);
    this.#known = true;
    this.#head = Buffer.alloc(0);
    await this.#put(head);
  }

  async #put(bytes: Buffer): Promise<void> {
    if (this.#inflate === undefined) this.#into(bytes);
    else await this.#inflate.take(bytes).catch(tell);
  }
}

function lz4(): never {
  throw new HoldfastError('RESTORE_REFUSED', 'The backup is compressed with lz4.', {
    hint: 'Fetch and decrypt it with stock tools, and decompress it with lz4 (docs/FORMAT.md).',
  });
}

function tell(error: unknown): never {
  throw undecodable(error);
}

function undecodable(cause: unknown): unknown {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (cause instanceof HoldfastError || !/^(Z_|ZSTD_|ERR_)/.test(code ?? '')) return cause;
  return new HoldfastError('VAULT_INTEGRITY', `A tar cannot be decompressed: ${message}.`, {
    hint: 'Nothing was restored. Use another backup, and report this one.',
    cause,
  });
}
