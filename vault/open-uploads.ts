import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import type { HoldfastError } from '../contract/errors.ts';
import { artifactKey } from '../contract/vault-keys.ts';
import { abortUpload } from './artifact-upload.ts';
import { awsError } from './aws-errors.ts';
import type { BackupVault } from './backup-vault.ts';
import type { VersionSource } from './object-versions.ts';

/** A multipart upload that S3 holds open. */
export interface ListedUpload {
  readonly key: string;
  readonly uploadId: string;
  readonly initiated: Date;
}

/**
 * Every multipart upload under a prefix that is still open.
 *
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function* listOpenUploads(
  from: VersionSource,
  prefix: string,
): AsyncGenerator<ListedUpload> {
  let KeyMarker: string | undefined;
  let UploadIdMarker: string | undefined;
  for (;;) {
    const page = await from.s3
      .send(
        new ListMultipartUploadsCommand({
          Bucket: from.bucket,
          Prefix: prefix,
          KeyMarker,
          UploadIdMarker,
        }),
      )
      .catch((error: unknown) => {
        throw awsError(error, 's3:ListBucketMultipartUploads', `${from.bucket}/${prefix}`);
      });
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (Key === undefined || UploadId === undefined) continue;
      yield { key: Key, uploadId: UploadId, initiated: Initiated ?? new Date(0) };
    }
    if (page.IsTruncated !== true) return;
    KeyMarker = page.NextKeyMarker;
    UploadIdMarker = page.NextUploadIdMarker;
  }
}

/**
 * Leaves nothing of a run that failed: what it knows to be open, then what it may have opened without
 * being told.
 *
 * @returns what could not be aborted; never throws.
 */
export async function abortBackup(vault: BackupVault, reason: unknown): Promise<HoldfastError[]> {
  const failures = await vault.ledger.abortAll(reason);
  return [...failures, ...(await abortDoubtful(vault))];
}

/**
 * Aborts uploads that this run may have opened without being told. Only under its own keys: all else
 * that is open under its label belongs to another task that was started for the same backup.
 *
 * @returns what could not be aborted; never throws.
 */
export async function abortDoubtful(vault: BackupVault): Promise<HoldfastError[]> {
  const { doubtful } = vault.ledger;
  if (doubtful.size === 0) return [];
  const failures: HoldfastError[] = [];
  try {
    const prefix = artifactKey(vault.cluster, vault.label, '');
    for await (const { key, uploadId } of listOpenUploads(vault, prefix)) {
      if (!doubtful.has(key)) continue;
      const failure = await abortUpload(vault, key, uploadId);
      if (failure !== undefined) failures.push(failure);
    }
  } catch (error) {
    failures.push(awsError(error, 's3:ListBucketMultipartUploads', vault.bucket));
  }
  return failures;
}
