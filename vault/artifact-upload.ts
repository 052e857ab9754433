import { createHash, type Hash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { crc32 } from 'node:zlib';
import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { HoldfastError } from '../contract/errors.ts';
import { artifactKey } from '../contract/vault-keys.ts';
import { awsError, isMissing } from './aws-errors.ts';
import type { BackupVault } from './backup-vault.ts';
import { createEncryptStream } from './encrypt.ts';
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

/**
 * One artifact on its way: plain text is written in, encrypted, cut into parts and uploaded while
 * more is written. Nothing is visible in the vault before `completeArtifacts` has run.
 */
export class ArtifactUpload implements OpenUpload {
  readonly name: string;
  readonly key: string;
  readonly uploadId: string;
  readonly #vault: BackupVault;
  readonly #encryptor: Duplex;
  readonly #plainHash: Hash = createHash('sha256');
  readonly #cipherHash: Hash = createHash('sha256');
  #plainBytes = 0;
  #cipherBytes = 0;
  readonly #parts: Promise<AcknowledgedPart>[] = [];
  #partBuffer: Buffer | undefined;
  #partFilled = 0;
  readonly #pump: Promise<void>;
  #failure: unknown;
  #rejectWrite: (reason: unknown) => void = () => {};
  #endPump: (reason: unknown) => void = () => {};

  private constructor(vault: BackupVault, name: string, key: string, uploadId: string) {
    this.name = name;
    this.key = key;
    this.uploadId = uploadId;
    this.#vault = vault;
    this.#encryptor = createEncryptStream(vault.keyring, {
      cluster: vault.cluster,
      backup: vault.label,
      artifact: name,
    });
    // In the same turn as the encryptor is made: it asks for its data key at once, and a refusal
    // that nobody listens for would end the process.
    this.#pump = this.#pumpCipherText();
    this.#pump.catch((error) => this.#fail(error));
  }

  /** Opens the multipart upload, locked from its first byte on. */
  static async start(vault: BackupVault, name: string): Promise<ArtifactUpload> {
    vault.signal.throwIfAborted();
    const key = artifactKey(vault.cluster, vault.label, name);
    return vault.ledger.add(
      createUpload(vault, key).then((uploadId) => new ArtifactUpload(vault, name, key, uploadId)),
    );
  }

  /** Plain text written so far, bytes. */
  get plainBytes(): number {
    return this.#plainBytes;
  }

  /**
   * Encrypts and uploads `chunk`, waiting while all part buffers are busy. The chunk is free to be
   * reused afterwards if it was exactly `FRAME_BYTES` long; a shorter one belongs to the encryptor.
   *
   * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
   */
  async write(chunk: Buffer): Promise<void> {
    this.#throwIfFailed();
    this.#plainHash.update(chunk);
    this.#plainBytes += chunk.length;
    await new Promise<void>((resolve, reject) => {
      // When an upload fails, nobody drains the encryptor any more, and its callback never comes.
      this.#rejectWrite = reject;
      this.#encryptor.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
    this.#throwIfFailed();
  }

  /** Ends the plain text and waits until every part is acknowledged. */
  async finish(): Promise<PendingArtifact> {
    this.#throwIfFailed();
    this.#encryptor.end();
    await this.#pump;
    this.#throwIfFailed();
    const parts = await Promise.all(this.#parts);
    return {
      name: this.name,
      key: this.key,
      uploadId: this.uploadId,
      parts,
      plain: { bytes: this.#plainBytes, sha256: this.#plainHash.digest('hex') },
      cipher: { bytes: this.#cipherBytes, sha256: this.#cipherHash.digest('hex') },
    };
  }

  /** Ends the upload without a trace. Never throws: what it cannot abort, it returns. */
  async abort(reason: unknown): Promise<HoldfastError | undefined> {
    this.#fail(reason);
    await Promise.allSettled([this.#pump, ...this.#parts]);
    return abortUpload(this.#vault, this.key, this.uploadId);
  }

  /**
   * Takes the encryptor's output. It listens instead of iterating, because leaving an iteration
   * destroys the stream, and a destroyed encryptor throws where nobody can catch it.
   */
  async #pumpCipherText(): Promise<void> {
    const encryptor = this.#encryptor;
    const ended = Promise.withResolvers<void>();
    this.#endPump = ended.reject;
    encryptor.on('end', ended.resolve).on('error', ended.reject);
    encryptor.on('data', (chunk: Buffer) => {
      // After a failure the rest is let through to its end, and goes nowhere.
      if (this.#failure !== undefined) return;
      encryptor.pause();
      this.#take(chunk).then(() => encryptor.resume(), ended.reject);
    });
    try {
      await ended.promise;
      await this.#flushPart();
    } catch (error) {
      throw awsError(error, 'kms:GenerateDataKey', this.#vault.kmsKeyArn);
    }
  }

  async #take(chunk: Buffer): Promise<void> {
    this.#cipherHash.update(chunk);
    this.#cipherBytes += chunk.length;
    await this.#fill(chunk);
  }

  async #fill(chunk: Buffer): Promise<void> {
    let offset = 0;
    while (offset < chunk.length) {
      this.#partBuffer ??= await this.#acquirePart();
      const copied = chunk.copy(this.#partBuffer, this.#partFilled, offset);
      offset += copied;
      this.#partFilled += copied;
      if (this.#partFilled === this.#partBuffer.length) await this.#flushPart();
    }
  }

  async #acquirePart(): Promise<Buffer> {
    const buffer = await this.#vault.parts.acquire();
    if (this.#failure === undefined) return buffer;
    this.#vault.parts.release(buffer);
    throw this.#failure;
  }

  async #flushPart(): Promise<void> {
    const buffer = this.#partBuffer;
    if (buffer === undefined) return;
    const body = buffer.subarray(0, this.#partFilled);
    this.#partBuffer = undefined;
    this.#partFilled = 0;
    const part = this.#uploadPart(this.#parts.length + 1, body).finally(() =>
      this.#vault.parts.release(buffer),
    );
    part.catch((error) => this.#fail(error));
    this.#parts.push(part);
  }

  async #uploadPart(PartNumber: number, Body: Buffer): Promise<AcknowledgedPart> {
    const { s3, bucket, signal } = this.#vault;
    const ChecksumCRC32 = crc32Base64(Body);
    try {
      const { ETag } = await s3.send(
        new UploadPartCommand({
          Bucket: bucket,
          Key: this.key,
          UploadId: this.uploadId,
          PartNumber,
          Body,
          ContentLength: Body.length,
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
    if (this.#failure !== undefined) return;
    this.#failure = reason ?? new Error('aborted');
    this.#encryptor.end();
    this.#encryptor.resume();
    if (this.#partBuffer !== undefined) this.#vault.parts.release(this.#partBuffer);
    this.#partBuffer = undefined;
    this.#rejectWrite(this.#failure);
    this.#endPump(this.#failure);
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
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

function crc32Base64(body: Buffer): string {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(crc32(body));
  return bytes.toString('base64');
}
