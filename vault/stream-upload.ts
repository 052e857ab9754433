import { ArtifactUpload, MAX_PARTS, type PendingArtifact } from './artifact-upload.ts';
import type { BackupVault } from './backup-vault.ts';
import { FRAME_BYTES } from './encrypt.ts';

/** A stream whose bytes are in S3, cut into artifacts that nobody can see yet. */
export interface PendingStream {
  readonly name: string;
  readonly bytes: number;
  readonly artifacts: readonly PendingArtifact[];
}

/**
 * Plain text that may be longer than one S3 object can be: cut into consecutive artifacts
 * `<name>.0001`, `<name>.0002`, …, each encrypted by itself; decrypted and joined they are the stream.
 *
 * Chunks of any size are gathered into frames of `FRAME_BYTES`, so that callers may reuse theirs.
 */
export class StreamUpload {
  readonly name: string;
  readonly #vault: BackupVault;
  readonly #maxPlainBytes: number;
  readonly #done: PendingArtifact[] = [];
  #current: ArtifactUpload | undefined;
  #frame: Buffer | undefined;
  #framed = 0;
  #bytes = 0;

  /**
   * @param maxPlainBytes where an artifact ends and the next begins. By default what fits into
   * 10,000 of the pool's parts, less 1 % for the encryption's frames.
   */
  constructor(
    vault: BackupVault,
    name: string,
    maxPlainBytes = Math.floor((vault.parts.partBytes * MAX_PARTS * 0.99) / FRAME_BYTES) *
      FRAME_BYTES,
  ) {
    this.name = name;
    this.#vault = vault;
    this.#maxPlainBytes = maxPlainBytes;
  }

  /** Plain text taken so far, bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE */
  async write(chunk: Buffer): Promise<void> {
    let offset = 0;
    while (offset < chunk.length) {
      // A frame that lies in the chunk whole needs no copy: it is encrypted before this returns.
      if (this.#framed === 0 && chunk.length - offset >= FRAME_BYTES) {
        this.#bytes += FRAME_BYTES;
        await this.#writeFrame(chunk.subarray(offset, offset + FRAME_BYTES));
        offset += FRAME_BYTES;
        continue;
      }
      this.#frame ??= Buffer.allocUnsafeSlow(FRAME_BYTES);
      const copied = chunk.copy(this.#frame, this.#framed, offset);
      offset += copied;
      this.#framed += copied;
      this.#bytes += copied;
      if (this.#framed === FRAME_BYTES) await this.#flushFrame();
    }
  }

  /** Waits until every part of every artifact is acknowledged. An empty stream is one empty artifact. */
  async finish(): Promise<PendingStream> {
    await this.#flushFrame();
    const last = this.#current ?? (this.#done.length === 0 ? await this.#open() : undefined);
    if (last !== undefined) this.#done.push(await last.finish());
    this.#current = undefined;
    return { name: this.name, bytes: this.#bytes, artifacts: this.#done };
  }

  async #flushFrame(): Promise<void> {
    const frame = this.#frame;
    if (frame === undefined || this.#framed === 0) return;
    const whole = this.#framed === FRAME_BYTES;
    await this.#writeFrame(frame.subarray(0, this.#framed));
    // The encryptor keeps a frame that is not full until it ends.
    if (!whole) this.#frame = undefined;
    this.#framed = 0;
  }

  async #writeFrame(frame: Buffer): Promise<void> {
    const current = this.#current ?? (await this.#open());
    await current.write(frame);
    if (current.plainBytes >= this.#maxPlainBytes) {
      this.#done.push(await current.finish());
      this.#current = undefined;
    }
  }

  async #open(): Promise<ArtifactUpload> {
    const number = String(this.#done.length + 1).padStart(4, '0');
    this.#current = await ArtifactUpload.start(this.#vault, `${this.name}.${number}`);
    return this.#current;
  }
}
