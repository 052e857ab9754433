import { GetObjectRetentionCommand, PutObjectRetentionCommand } from '@aws-sdk/client-s3';
import { awsError } from './aws-errors.ts';
import type { BackupVault } from './backup-vault.ts';
import { eachAtOnce } from './each-at-once.ts';

/** How many locks are set at a time. */
const AT_ONCE = 8;

/** One version of an object. */
export interface LockedObject {
  readonly key: string;
  readonly versionId: string;
}

/**
 * Lets objects that a backup rests on be locked at least as long as the backup itself. A lock that
 * reaches further is left as it is: nobody can shorten it.
 *
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function extendLocks(
  vault: Pick<BackupVault, 's3' | 'bucket' | 'lock' | 'signal'>,
  objects: Iterable<LockedObject>,
): Promise<void> {
  await eachAtOnce(objects, AT_ONCE, async (object) => {
    vault.signal.throwIfAborted();
    await extendLock(vault, object);
  });
}

async function extendLock(
  { s3, bucket, lock }: Pick<BackupVault, 's3' | 'bucket' | 'lock'>,
  { key, versionId }: LockedObject,
): Promise<void> {
  const which = { Bucket: bucket, Key: key, VersionId: versionId };
  const { Retention } = await s3.send(new GetObjectRetentionCommand(which)).catch((error) => {
    throw awsError(error, 's3:GetObjectRetention', key);
  });
  const until = Retention?.RetainUntilDate?.getTime() ?? 0;
  if (until >= lock.retainUntil.getTime()) return;
  await s3
    .send(
      new PutObjectRetentionCommand({
        ...which,
        Retention: { Mode: lock.mode, RetainUntilDate: lock.retainUntil },
      }),
    )
    .catch((error) => {
      throw awsError(error, 's3:PutObjectRetention', key);
    });
}
