import { GetObjectRetentionCommand } from '@aws-sdk/client-s3';
import { type Finding, finding } from '../../contract/findings.ts';
import { awsError } from '../aws-errors.ts';
import type { VaultReader } from '../vault-reader.ts';

export interface FoundLock {
  readonly mode: string | undefined;
  readonly retainUntil: Date | undefined;
}

/**
 * How a version is locked; a HEAD tells it too, but not of every server when other versions lie over it.
 *
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function readLock(
  vault: VaultReader,
  { key, versionId }: { readonly key: string; readonly versionId: string },
): Promise<FoundLock> {
  try {
    const { Retention } = await vault.s3.send(
      new GetObjectRetentionCommand({ Bucket: vault.bucket, Key: key, VersionId: versionId }),
    );
    return { mode: Retention?.Mode, retainUntil: Retention?.RetainUntilDate };
  } catch (error) {
    if ((error as { name?: string }).name === 'NoSuchObjectLockConfiguration')
      return { mode: undefined, retainUntil: undefined };
    throw awsError(error, 's3:GetObjectRetention', key);
  }
}

/** @param needed until when, and by what. */
export function lockFindings(
  { retainUntil }: FoundLock,
  needed: { readonly until: string; readonly by: string } | undefined,
  about: Pick<Finding, 'cluster' | 'label' | 'key'>,
): Finding[] {
  if (retainUntil === undefined) {
    return [finding('LOCK_MISSING', { ...about, found: 'nothing keeps it from being deleted' })];
  }
  if (needed === undefined || retainUntil.getTime() >= Date.parse(needed.until)) return [];
  const found = `it is locked until ${retainUntil.toISOString()}, and ${needed.by} until ${needed.until}`;
  return [finding('LOCK_SHORT', { ...about, found })];
}
