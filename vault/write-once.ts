import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '../contract/errors.ts';
import { awsError, isConflict, isDeniedOutright, isUnderWay } from './aws-errors.ts';
import type { BackupVault } from './backup-vault.ts';

/** How long a write that S3 has not finished is waited for, from when it first says so, ms. */
const UNDER_WAY_MS = 5 * 60_000;
const PAUSE_MS = 500;

/** Something that is written under `If-None-Match: *`. */
export interface WriteOnce<Written> {
  readonly key: string;
  readonly write: () => Promise<Written>;
  /** What lies under the key: `undefined`: nothing; `other`: what somebody else wrote. */
  readonly lookUp: () => Promise<Written | 'other' | undefined>;
}

/**
 * Writes what must not be there yet. Its answer may be lost after S3 has done it, or while it still does
 * it, which takes minutes for thousands of parts: then the next try is told of a conflict with the first.
 * So whatever fails is looked up, and what is under way is waited for.
 *
 * @throws HoldfastError LABEL_TAKEN, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function writeOnce<Written>(
  { label, signal }: Pick<BackupVault, 'label' | 'signal'>,
  { key, write, lookUp }: WriteOnce<Written>,
): Promise<Written> {
  let until: number | undefined;
  let conflict: unknown;
  for (;;) {
    let failure: unknown;
    try {
      return await write();
    } catch (error) {
      if (conflict === undefined && isDeniedOutright(error)) {
        throw awsError(error, 's3:PutObject', key);
      }
      failure = error;
    }
    const found = await lookUp();
    if (found === 'other') throw labelTaken(label, key, failure);
    if (found !== undefined) return found;
    if (isConflict(failure)) conflict ??= failure;
    until ??= performance.now() + UNDER_WAY_MS;
    if (!isUnderWay(failure) || performance.now() > until) {
      throw conflict === undefined
        ? awsError(failure, 's3:PutObject', key)
        : labelTaken(label, key, conflict);
    }
    await sleep(PAUSE_MS, undefined, { signal });
  }
}

export function labelTaken(label: string, key: string, cause?: unknown): HoldfastError {
  return new HoldfastError('LABEL_TAKEN', `Something is already written under ${label}: ${key}.`, {
    hint: 'Another task is taking this backup, or a run of it died after its first completion. Run it again: a new request gets a new label.',
    cause,
  });
}
