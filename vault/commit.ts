import { createHash } from 'node:crypto';
import {
  CompleteMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { Artifact } from '../contract/artifacts.ts';
import { buildManifest, type Manifest } from '../contract/manifest.ts';
import { artifactKey, manifestKey } from '../contract/vault-keys.ts';
import type { PendingArtifact } from './artifact-upload.ts';
import { awsError } from './aws-errors.ts';
import type { BackupVault } from './backup-vault.ts';
import { eachAtOnce } from './each-at-once.ts';
import { listVersions, oldestVersion } from './object-versions.ts';
import { labelTaken, writeOnce } from './write-once.ts';

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
  const completeOne = async ([index, artifact]: [number, PendingArtifact]): Promise<void> => {
    vault.signal.throwIfAborted();
    completed[index] = await completeArtifact(vault, artifact);
    vault.ledger.completed(artifact.uploadId);
  };
  const [first, ...others] = pending.entries();
  // One alone: of two tasks under one label, exactly one gets past it.
  if (first !== undefined) await completeOne(first);
  await eachAtOnce(others, COMPLETIONS_AT_ONCE, completeOne);
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
  const command = new PutObjectCommand({
    Bucket: vault.bucket,
    Key: key,
    Body: body,
    ContentType: 'application/json',
    ChecksumSHA256: createHash('sha256').update(body).digest('base64'),
    IfNoneMatch: '*',
    ObjectLockMode: vault.lock.mode,
    ObjectLockRetainUntilDate: vault.lock.retainUntil,
  });
  await writeOnce(vault, {
    key,
    write: async () => (await vault.s3.send(command)) && true,
    lookUp: async () => {
      const found = await readOldest(vault, key);
      return found === undefined ? undefined : found.equals(body) || 'other';
    },
  });
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
  const command = new CompleteMultipartUploadCommand({
    Bucket: vault.bucket,
    Key: pending.key,
    UploadId: pending.uploadId,
    IfNoneMatch: '*',
    MultipartUpload: { Parts: [...pending.parts] },
  });
  return await writeOnce(vault, {
    key: pending.key,
    write: async () => {
      const { VersionId } = await vault.s3.send(command);
      if (VersionId !== undefined) return VersionId;
      throw new Error('the completion was answered without a version id');
    },
    lookUp: () => lookUp(vault, pending),
  });
}

/** The id of the oldest version, if it is what was uploaded. */
async function lookUp(
  vault: BackupVault,
  pending: PendingArtifact,
): Promise<string | 'other' | undefined> {
  const oldest = await oldestVersion(vault, pending.key);
  if (oldest === undefined) return undefined;
  const ours =
    unquote(oldest.etag) === unquote(multipartEtag(pending)) &&
    oldest.bytes === pending.cipher.bytes;
  return ours ? oldest.versionId : 'other';
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
