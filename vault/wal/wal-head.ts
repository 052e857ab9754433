import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { HoldfastError } from '../../contract/errors.ts';
import { explainIssues } from '../../contract/explain-issues.ts';
import { WalMetadata } from '../../contract/wal-object.ts';
import { awsError, isMissing } from '../aws-errors.ts';
import type { VaultReader } from '../vault-reader.ts';

/** One version of an object under `wal/`. */
export interface WalVersion {
  readonly key: string;
  readonly versionId: string;
}

/** How an object is locked; absent where it is not. */
export interface WalLock {
  readonly mode: string | undefined;
  readonly retainUntil: Date | undefined;
}

/**
 * What an object under `wal/` says of itself, without its bytes.
 *
 * @throws HoldfastError VAULT_INTEGRITY when it says nothing of the kind or is not there, VAULT_DENIED,
 * VAULT_UNAVAILABLE
 */
export async function headWal(
  vault: VaultReader,
  { key, versionId }: WalVersion,
): Promise<{ readonly metadata: WalMetadata; readonly lock: WalLock }> {
  const answer = await vault.s3
    .send(new HeadObjectCommand({ Bucket: vault.bucket, Key: key, VersionId: versionId }))
    .catch((error: unknown) => {
      if (isMissing(error)) throw wrong(key, `its version ${versionId} is gone`);
      throw awsError(error, 's3:GetObjectVersion', key);
    });
  const parsed = WalMetadata.safeParse(answer.Metadata ?? {});
  if (!parsed.success) throw wrong(key, `its metadata: ${explainIssues(parsed.error)}`);
  return {
    metadata: parsed.data,
    lock: { mode: answer.ObjectLockMode, retainUntil: answer.ObjectLockRetainUntilDate },
  };
}

function wrong(key: string, found: string): HoldfastError {
  return new HoldfastError('VAULT_INTEGRITY', `${key} is not what WAL in the vault is: ${found}.`, {
    hint: 'Recovery cannot pass it: choose an earlier target, and look at who wrote it (CloudTrail).',
  });
}
