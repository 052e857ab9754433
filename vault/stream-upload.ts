import { ArtifactUpload, MAX_PARTS, type PendingArtifact } from './artifact-upload.ts';
import type { BackupVault } from './backup-vault.ts';
import type { PlainText } from './encryption/encryption-order.ts';
import { FRAME_BYTES } from './encryption/message-format.ts';

/** A stream whose bytes are in S3, cut into artifacts that nobody can see yet. */
export interface PendingStream {
  readonly name: string;
  readonly bytes: number;
  readonly artifacts: readonly PendingArtifact[];
}

const NOTHING: PlainText = { memory: new SharedArrayBuffer(0) };

/**
 * Plain text that may be longer than one S3 object can be: cut into consecutive artifacts
 * `<name>.0001`, `<name>.0002`, …, each encrypted by itself; decrypted and joined they are the stream.
 *
 * It comes either as chunks of any size (`write`), which are gathered into frames, so that callers may
 * reuse theirs, or out of a file that a thread reads by itself (`writeFile`).
 */
export class StreamUpload {
  readonly name: string;
  readonly #vault: BackupVault;
  readonly #maxPlainBytes: number;
  readonly #done: PendingArtifact[] = [];
  #current: ArtifactUpload | undefined;
  #frame: { readonly memory: SharedArrayBuffer; readonly bytes: Buffer } | undefined;
  #framed = 0;
  #bytes = 0;

  /**
   * @param maxPlainBytes where an artifact ends and the next begins, a multiple of `FRAME_BYTES`. By
   * default what fits into 10,000 of the pool's parts, the last of which holds the end alone.
   */
  constructor(
    vault: BackupVault,
    name: string,
    maxPlainBytes = (MAX_PARTS - 1) * vault.parts.frames * FRAME_BYTES,
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
      this.#frame ??= sharedFrame();
      const copied = chunk.copy(this.#frame.bytes, this.#framed, offset);
      offset += copied;
      this.#framed += copied;
      this.#bytes += copied;
      if (this.#framed < FRAME_BYTES) continue;
      this.#framed = 0;
      await this.#writeFrames(this.#frame, FRAME_BYTES);
    }
  }

  /**
   * Takes plain text out of an open file, which must stay open until this has settled.
   *
   * @param bytes a multiple of `FRAME_BYTES`; what is left of the file goes to `finish`.
   * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
   */
  async writeFile(fd: number, offset: number, bytes: number): Promise<void> {
    for (let done = 0; done < bytes; ) {
      const room = this.#maxPlainBytes - (this.#current?.plainBytes ?? 0);
      const length = Math.min(bytes - done, room);
      await this.#writeFrames({ fd, offset: offset + done }, length);
      this.#bytes += length;
      done += length;
    }
  }

  /**
   * Waits until every part of every artifact is acknowledged. An empty stream is one empty artifact.
   *
   * @param rest of a file, less than a frame.
   */
  async finish(rest?: { fd: number; offset: number; bytes: number }): Promise<PendingStream> {
    const [from, bytes] =
      rest === undefined ? [this.#frame ?? NOTHING, this.#framed] : [rest, rest.bytes];
    this.#bytes += rest?.bytes ?? 0;
    if (bytes > 0 || this.#current !== undefined || this.#done.length === 0) {
      const last = this.#current ?? (await this.#open());
      this.#done.push(await last.finish(plainText(from), bytes));
    }
    this.#current = undefined;
    return { name: this.name, bytes: this.#bytes, artifacts: this.#done };
  }

  async #writeFrames(from: PlainText, bytes: number): Promise<void> {
    const current = this.#current ?? (await this.#open());
    await current.write(plainText(from), bytes);
    if (current.plainBytes >= this.#maxPlainBytes) {
      this.#done.push(await current.finish(NOTHING, 0));
      this.#current = undefined;
    }
  }

  async #open(): Promise<ArtifactUpload> {
    const number = String(this.#done.length + 1).padStart(4, '0');
    this.#current = await ArtifactUpload.start(this.#vault, `${this.name}.${number}`);
    return this.#current;
  }
}

function sharedFrame(): { memory: SharedArrayBuffer; bytes: Buffer } {
  const memory = new SharedArrayBuffer(FRAME_BYTES);
  return { memory, bytes: Buffer.from(memory) };
}

/** What a thread can be told, and no more. */
function plainText(from: PlainText): PlainText {
  return 'fd' in from ? { fd: from.fd, offset: from.offset } : { memory: from.memory };
}
