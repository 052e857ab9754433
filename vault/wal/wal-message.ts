import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { constants, crc32, createZstdCompress } from 'node:zlib';
import type { WalMetadata } from '../../contract/wal-object.ts';
import { FRAME_BYTES, FRAME_OVERHEAD_BYTES } from '../encryption/message-format.ts';
import { type MessageMaterials, MessageWriter } from '../encryption/message-writer.ts';

/** PostgreSQL's segments are 1 MiB to 1 GiB; of larger ones than this a streamer's memory would not hold several. */
export const MAX_WAL_BYTES = 64 * 1024 * 1024;

/** On rows that compress 2:1, one core does 188 MB/s. */
const ZSTD_LEVEL = 1;

/** Encrypted at a time: what comes of it is copied and left, and whole frames of it would pile up. */
const CIPHER_BYTES = 64 * 1024;

/** Room for a message's header, with a few wrapped keys. */
const HEADER_BYTES = 16 * 1024;

/** An encrypted object in memory, ready to be sent as often as need be. */
export interface WalBody {
  readonly cipher: Buffer;
  /** Of `cipher`. */
  readonly crc32: number;
  /** Of the plain text, before compression. */
  readonly sha256: string;
  readonly bytes: number;
  readonly compression: WalMetadata['compression'];
}

/** Bytes that the message of so much plain text may take, however badly it compresses. */
export function walBodyBytes(plainBytes: number): number {
  // zstd adds less than 1/256 and a few bytes to what it cannot compress.
  const compressed = plainBytes + Math.ceil(plainBytes / 256) + 1024;
  const frames = Math.ceil(compressed / FRAME_BYTES) + 1;
  return HEADER_BYTES + compressed + frames * FRAME_OVERHEAD_BYTES;
}

/**
 * One WAL object on its way into memory: plain text is hashed, compressed and encrypted as it comes, so
 * that a segment is ready as soon as its last byte is.
 */
export class WalMessage {
  readonly #writer: MessageWriter;
  readonly #hash = createHash('sha256');
  readonly #compression: WalMetadata['compression'];
  readonly #zstd: ReturnType<typeof createZstdCompress> | undefined;
  readonly #into: Buffer;
  /** Compressed, and not yet a whole frame. */
  readonly #frame = Buffer.allocUnsafe(FRAME_BYTES);
  #framed = 0;
  #used = 0;
  #bytes = 0;

  /** @param into of `walBodyBytes` of the longest plain text that may come. */
  constructor(materials: MessageMaterials, compression: WalMetadata['compression'], into: Buffer) {
    this.#writer = new MessageWriter(materials);
    this.#compression = compression;
    this.#into = into;
    this.#put(this.#writer.header);
    if (compression === 'none') return;
    this.#zstd = createZstdCompress({
      params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL },
      chunkSize: 128 * 1024,
    });
    this.#zstd.on('data', (compressed: Buffer) => this.#add(compressed));
  }

  /** Plain text taken so far. Bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What it is given is free to be changed once this has settled. */
  async write(plain: Buffer): Promise<void> {
    this.#hash.update(plain);
    this.#bytes += plain.length;
    const zstd = this.#zstd;
    if (zstd === undefined) {
      this.#add(plain);
      return;
    }
    await new Promise<void>((resolve, reject) => {
      zstd.write(plain, (error) => (error ? reject(error) : resolve()));
    });
  }

  async finish(): Promise<WalBody> {
    if (this.#zstd !== undefined) {
      const ended = once(this.#zstd, 'end');
      this.#zstd.end();
      await ended;
    }
    this.#encryptFrame(true);
    const cipher = this.#into.subarray(0, this.#used);
    return {
      cipher,
      crc32: crc32(cipher),
      sha256: this.#hash.digest('hex'),
      bytes: this.#bytes,
      compression: this.#compression,
    };
  }

  /** Lets go of what a message that is not finished holds. */
  drop(): void {
    this.#zstd?.destroy();
  }

  #add(bytes: Buffer): void {
    for (let done = 0; done < bytes.length; ) {
      // Only when more comes: the last frame is another kind, and may be a full one.
      if (this.#framed === FRAME_BYTES) this.#encryptFrame(false);
      const length = bytes.copy(this.#frame, this.#framed, done);
      this.#framed += length;
      done += length;
    }
  }

  #encryptFrame(last: boolean): void {
    const { header, cipher } = this.#writer.beginFrame(this.#framed, last);
    this.#put(header);
    for (let at = 0; at < this.#framed; at += CIPHER_BYTES) {
      this.#put(cipher.update(this.#frame.subarray(at, Math.min(at + CIPHER_BYTES, this.#framed))));
    }
    cipher.final();
    this.#put(cipher.getAuthTag());
    this.#framed = 0;
  }

  #put(bytes: Buffer): void {
    if (this.#used + bytes.length > this.#into.length) throw new Error('The buffer is too small.');
    this.#used += bytes.copy(this.#into, this.#used);
  }
}
