import type { LockMode } from '../contract/names.ts';
import type { VaultLock } from './backup-vault.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * The lock of everything that one backup writes. It counts from the run's start and ends on a whole
 * second, as S3 keeps it.
 *
 * @param retentionDays the cluster's `retention`.
 */
export function lockFor(mode: LockMode, retentionDays: number, startedAt: Date): VaultLock {
  const end = startedAt.getTime() + retentionDays * DAY_MS;
  return { mode, retainUntil: new Date(Math.ceil(end / 1000) * 1000) };
}
