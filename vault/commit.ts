import { createHash } from 'node:crypto';
import {
  CompleteMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { Artifact } from '../contract/artifacts.ts';
import { HoldfastError } from '../contract/errors.ts';
import { buildManifest, type Manifest } from '../contract/manifest.ts';
import { artifactKey, manifestKey } from '../contract/vault-keys.ts';
import type { PendingArtifact } from './artifact-upload.ts';
import { awsError, isConflict, isDeniedOutright } from './aws-errors.ts';
import type { BackupVault } from './backup-vault.ts';
import { listVersions, oldestVersion } from './object-versions.ts';

/** How many uploads are completed at a time. */
const COMPLETIONS_AT_ONCE = 8;

/**
 * Refuses a label under which anything lies already, before work is wasted on it. The real fence is
 * `If-None-Match: *` on each write.
 *
 * @throws HoldfastError LABEL_TAKEN
 */
export async function assertLabelFree(vault: BackupVault): Promise<void> {
  const prefixes = [
    manifestKey(vault.cluster, vault.label),
    artifactKey(vault.cluster, vault.label, ''),
  ];
  for (const prefix of prefixes) {
    for await (const { key } of listVersions(vault, prefix)) throw labelTaken(vault.label, key);
  }
}

/**
 * Makes every artifact visible. To be called only once the producer has been proven complete and
 * all parts are acknowledged; a failure in the middle leaves orphans, which nothing lists.
 *
 * @throws HoldfastError LABEL_TAKEN, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function completeArtifacts(
  vault: BackupVault,
  pending: readonly PendingArtifact[],
): Promise<Artifact[]> {
  const completed: Artifact[] = new Array(pending.length);
  const queue = [...pending.entries()];
  const completeNext = async (): Promise<boolean> => {
    const [index, artifact] = queue.shift() ?? [];
    if (index === undefined || artifact === undefined) return false;
    vault.signal.throwIfAborted();
    completed[index] = await completeArtifact(vault, artifact);
    vault.ledger.completed(artifact.uploadId);
    return true;
  };
  // One alone: of two tasks under one label, exactly one gets past it.
  await completeNext();
  const worker = async (): Promise<void> => {
    while (await completeNext());
  };
  await Promise.all(Array.from({ length: COMPLETIONS_AT_ONCE }, worker));
  return completed;
}

/**
 * Writes the manifest, and so makes the backup exist. A lost answer is looked up: if the oldest
 * version under the key is what we sent, it is ours.
 *
 * @throws HoldfastError LABEL_TAKEN, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function writeManifest(vault: BackupVault, manifest: Manifest): Promise<void> {
  const key = manifestKey(vault.cluster, vault.label);
  const body = Buffer.from(buildManifest(manifest), 'utf8');
  try {
    await vault.s3.send(
      new PutObjectCommand({
        Bucket: vault.bucket,
        Key: key,
        Body: body,
        ContentType: 'application/json',
        ChecksumSHA256: createHash('sha256').update(body).digest('base64'),
        IfNoneMatch: '*',
        ObjectLockMode: vault.lock.mode,
        ObjectLockRetainUntilDate: vault.lock.retainUntil,
      }),
    );
  } catch (error) {
    if (isDeniedOutright(error)) throw awsError(error, 's3:PutObject', key);
    const found = await readOldest(vault, key);
    if (found?.equals(body)) return;
    if (found !== undefined || isConflict(error)) throw labelTaken(vault.label, key, error);
    throw awsError(error, 's3:PutObject', key);
  }
}

async function completeArtifact(vault: BackupVault, pending: PendingArtifact): Promise<Artifact> {
  return {
    name: pending.name,
    key: pending.key,
    versionId: await complete(vault, pending),
    etag: multipartEtag(pending),
    parts: pending.parts.length,
    plain: pending.plain,
    cipher: pending.cipher,
  };
}

/** @returns the id of the version that is now visible. */
async function complete(vault: BackupVault, pending: PendingArtifact): Promise<string> {
  let failure: unknown;
  try {
    const { VersionId } = await vault.s3.send(
      new CompleteMultipartUploadCommand({
        Bucket: vault.bucket,
        Key: pending.key,
        UploadId: pending.uploadId,
        IfNoneMatch: '*',
        MultipartUpload: { Parts: [...pending.parts] },
      }),
    );
    if (VersionId !== undefined) return VersionId;
    failure = new Error('the completion was answered without a version id');
  } catch (error) {
    if (isDeniedOutright(error)) throw awsError(error, 's3:PutObject', pending.key);
    failure = error;
  }
  // The answer may have been lost after S3 had done it; then the oldest version is ours.
  const found = await lookUp(vault, pending);
  if (found === 'other' || (found === undefined && isConflict(failure))) {
    throw labelTaken(vault.label, pending.key, failure);
  }
  if (found === undefined) throw awsError(failure, 's3:PutObject', pending.key);
  return found.versionId;
}

async function lookUp(
  vault: BackupVault,
  pending: PendingArtifact,
): Promise<{ versionId: string } | 'other' | undefined> {
  const oldest = await oldestVersion(vault, pending.key);
  if (oldest === undefined) return undefined;
  const ours =
    unquote(oldest.etag) === unquote(multipartEtag(pending)) &&
    oldest.bytes === pending.cipher.bytes;
  return ours ? { versionId: oldest.versionId } : 'other';
}

/** S3's ETag of an object uploaded in parts: MD5 over the parts' MD5s, and their number. */
export function multipartEtag(pending: Pick<PendingArtifact, 'parts'>): string {
  const hash = createHash('md5');
  for (const part of pending.parts) hash.update(Buffer.from(unquote(part.ETag) ?? '', 'hex'));
  return `"${hash.digest('hex')}-${pending.parts.length}"`;
}

async function readOldest(vault: BackupVault, key: string): Promise<Buffer | undefined> {
  const oldest = await oldestVersion(vault, key);
  if (oldest === undefined) return undefined;
  try {
    const { Body } = await vault.s3.send(
      new GetObjectCommand({ Bucket: vault.bucket, Key: key, VersionId: oldest.versionId }),
    );
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  } catch (error) {
    throw awsError(error, 's3:GetObjectVersion', key);
  }
}

function unquote(etag: string | undefined): string | undefined {
  return etag?.replaceAll('"', '');
}

function labelTaken(label: string, key: string, cause?: unknown): HoldfastError {
  return new HoldfastError('LABEL_TAKEN', `Something is already written under ${label}: ${key}.`, {
    hint: 'Another task is taking this backup, or a run of it died after its first completion. Run it again: a new request gets a new label.',
    cause,
  });
}
