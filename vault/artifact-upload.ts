import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { HoldfastError } from '../contract/errors.ts';
import { artifactKey } from '../contract/vault-keys.ts';
import { awsError, isMissing } from './aws-errors.ts';
import type { BackupVault } from './backup-vault.ts';
import type { PlainText } from './encryption/encryption-order.ts';
import type { Encrypted, ThreadMessage } from './encryption/encryption-threads.ts';
import { FRAME_BYTES } from './encryption/message-format.ts';
import type { PartBuffer } from './part-pool.ts';
import type { OpenUpload } from './upload-ledger.ts';

/** S3's limit on the parts of one object. */
export const MAX_PARTS = 10_000;

/** A part that S3 has acknowledged with its checksum. */
export interface AcknowledgedPart {
  readonly PartNumber: number;
  readonly ETag: string;
  readonly ChecksumCRC32: string;
}

/** An artifact whose every part is in S3, and which nobody can see before it is completed. */
export interface PendingArtifact {
  readonly name: string;
  readonly key: string;
  readonly uploadId: string;
  readonly parts: readonly AcknowledgedPart[];
  readonly plain: { readonly bytes: number; readonly sha256: string };
  readonly cipher: { readonly bytes: number; readonly sha256: string };
}

/** A part that is being filled. */
interface OpenPart {
  readonly buffer: PartBuffer;
  filled: number;
  frames: number;
  crc32: number;
}

/**
 * One artifact on its way: plain text is encrypted by a thread, cut into parts and uploaded while
 * more comes. Nothing is visible in the vault before `completeArtifacts` has run.
 */
export class ArtifactUpload implements OpenUpload {
  readonly name: string;
  readonly key: string;
  readonly uploadId: string;
  readonly #vault: BackupVault;
  readonly #message: ThreadMessage;
  #plainBytes = 0;
  #cipherBytes = 0;
  readonly #parts: Promise<AcknowledgedPart>[] = [];
  #part: OpenPart | undefined;
  /** Settles when the thread has let go of the part that it was told to fill. */
  #encrypting: Promise<unknown> = Promise.resolve();
  #failure: unknown;

  private constructor(
    vault: BackupVault,
    name: string,
    key: string,
    uploadId: string,
    message: ThreadMessage,
  ) {
    this.name = name;
    this.key = key;
    this.uploadId = uploadId;
    this.#vault = vault;
    this.#message = message;
  }

  /** Opens the multipart upload, locked from its first byte on, and asks for its data key. */
  static async start(vault: BackupVault, name: string): Promise<ArtifactUpload> {
    vault.signal.throwIfAborted();
    const key = artifactKey(vault.cluster, vault.label, name);
    return vault.ledger.add(
      open(vault, name, key).then(
        ([uploadId, message]) => new ArtifactUpload(vault, name, key, uploadId, message),
      ),
    );
  }

  /** Plain text taken so far, bytes. */
  get plainBytes(): number {
    return this.#plainBytes;
  }

  /**
   * Encrypts and uploads whole frames, waiting while all part buffers are busy. What they came from is
   * free to be changed once this has settled, and not before.
   *
   * @param bytes a multiple of `FRAME_BYTES`.
   * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
   */
  async write(from: PlainText, bytes: number): Promise<void> {
    for (let done = 0; done < bytes; ) {
      const part = await this.#openPart();
      const room = this.#vault.parts.frames - part.frames;
      const length = Math.min(bytes - done, room * FRAME_BYTES);
      await this.#encrypt(part, length, (to) =>
        this.#message.encrypt(further(from, done), length, to),
      );
      done += length;
      part.frames += length / FRAME_BYTES;
      if (part.frames === this.#vault.parts.frames) this.#sendPart();
    }
  }

  /**
   * Encrypts what is left and waits until every part is acknowledged.
   *
   * @param bytes less than `FRAME_BYTES`.
   */
  async finish(from: PlainText, bytes: number): Promise<PendingArtifact> {
    const part = await this.#openPart();
    const { digests } = await this.#encrypt(part, bytes, (to) =>
      this.#message.finish(from, bytes, to),
    );
    this.#sendPart();
    const parts = await Promise.all(this.#parts);
    return {
      name: this.name,
      key: this.key,
      uploadId: this.uploadId,
      parts,
      plain: { bytes: this.#plainBytes, sha256: digests.plain },
      cipher: { bytes: this.#cipherBytes, sha256: digests.cipher },
    };
  }

  /** Ends the upload without a trace. Never throws: what it cannot abort, it returns. */
  async abort(reason: unknown): Promise<HoldfastError | undefined> {
    this.#fail(reason);
    const parts = await Promise.allSettled(this.#parts);
    await this.#encrypting;
    // A part that was on its way may arrive after the abort, and bring the upload back.
    // See https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
    if (parts.some(({ status }) => status === 'rejected')) this.#vault.ledger.doubt(this.key);
    this.#message.drop();
    if (this.#part !== undefined) this.#vault.parts.release(this.#part.buffer);
    this.#part = undefined;
    return abortUpload(this.#vault, this.key, this.uploadId);
  }

  async #openPart(): Promise<OpenPart> {
    this.#throwIfFailed();
    if (this.#part !== undefined) return this.#part;
    const buffer = await this.#vault.parts.acquire();
    if (this.#failure !== undefined) {
      this.#vault.parts.release(buffer);
      throw this.#failure;
    }
    this.#part = { buffer, filled: 0, frames: 0, crc32: 0 };
    return this.#part;
  }

  async #encrypt<T extends Encrypted>(
    part: OpenPart,
    plainBytes: number,
    work: (to: { into: number; crc32: number }) => Promise<T>,
  ): Promise<T> {
    const working = work({ into: part.buffer.offset + part.filled, crc32: part.crc32 });
    this.#encrypting = working.catch(() => undefined);
    const done = await working;
    this.#throwIfFailed();
    part.filled += done.bytes;
    part.crc32 = done.crc32;
    this.#plainBytes += plainBytes;
    this.#cipherBytes += done.bytes;
    return done;
  }

  #sendPart(): void {
    const part = this.#part;
    if (part === undefined) return;
    this.#part = undefined;
    const sent = this.#uploadPart(this.#parts.length + 1, part).finally(() =>
      this.#vault.parts.release(part.buffer),
    );
    sent.catch((error) => this.#fail(error));
    this.#parts.push(sent);
  }

  async #uploadPart(PartNumber: number, part: OpenPart): Promise<AcknowledgedPart> {
    const { s3, bucket, signal } = this.#vault;
    const ChecksumCRC32 = crc32Base64(part.crc32);
    try {
      const { ETag } = await s3.send(
        new UploadPartCommand({
          Bucket: bucket,
          Key: this.key,
          UploadId: this.uploadId,
          PartNumber,
          Body: part.buffer.bytes.subarray(0, part.filled),
          ContentLength: part.filled,
          ChecksumCRC32,
        }),
        { abortSignal: signal },
      );
      if (ETag === undefined) throw new Error(`S3 answered part ${PartNumber} without an ETag`);
      return { PartNumber, ETag, ChecksumCRC32 };
    } catch (error) {
      throw awsError(error, 's3:PutObject', `${this.key} (part ${PartNumber})`);
    }
  }

  #fail(reason: unknown): void {
    this.#failure ??= reason ?? new Error('aborted');
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function further(from: PlainText, bytes: number): PlainText {
  return 'fd' in from ? { fd: from.fd, offset: from.offset + bytes } : from;
}

/** Both at once; one that fails leaves nothing of the other. */
async function open(
  vault: BackupVault,
  name: string,
  key: string,
): Promise<[uploadId: string, message: ThreadMessage]> {
  const context = { cluster: vault.cluster, backup: vault.label, artifact: name };
  const [upload, materials] = await Promise.allSettled([
    createUpload(vault, key),
    vault.dataKeys(context).catch((error: unknown) => {
      throw awsError(error, 'kms:GenerateDataKey', vault.kmsKeyArn);
    }),
  ]);
  if (upload.status === 'rejected') throw upload.reason;
  if (materials.status === 'rejected') {
    await abortUpload(vault, key, upload.value);
    throw materials.reason;
  }
  return [upload.value, vault.encryption.begin(materials.value)];
}

async function createUpload(vault: BackupVault, key: string): Promise<string> {
  const { s3, bucket, lock, signal, ledger } = vault;
  try {
    const { UploadId, $metadata } = await s3.send(
      new CreateMultipartUploadCommand({
        Bucket: bucket,
        Key: key,
        ChecksumAlgorithm: 'CRC32',
        ContentType: 'application/octet-stream',
        ObjectLockMode: lock.mode,
        ObjectLockRetainUntilDate: lock.retainUntil,
      }),
      { abortSignal: signal },
    );
    if (UploadId === undefined) throw new Error('S3 answered without an upload id');
    // A try whose answer was lost may have opened another one.
    if ($metadata.attempts !== 1) ledger.doubt(key);
    return UploadId;
  } catch (error) {
    ledger.doubt(key);
    throw awsError(error, 's3:PutObject', key);
  }
}

/** Aborts one multipart upload; returns what went wrong, if anything. */
export async function abortUpload(
  vault: Pick<BackupVault, 's3' | 'bucket'>,
  key: string,
  uploadId: string,
): Promise<HoldfastError | undefined> {
  try {
    await vault.s3.send(
      new AbortMultipartUploadCommand({ Bucket: vault.bucket, Key: key, UploadId: uploadId }),
    );
    return undefined;
  } catch (error) {
    // Completed by somebody, or aborted already.
    if (isMissing(error)) return undefined;
    return awsError(error, 's3:AbortMultipartUpload', key);
  }
}

function crc32Base64(crc32: number): string {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(crc32);
  return bytes.toString('base64');
}
