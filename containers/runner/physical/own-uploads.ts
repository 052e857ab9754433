import type { BackupVault } from '../../../vault/backup-vault.ts';
import { abortBackup } from '../../../vault/open-uploads.ts';
import type { Log } from '../log.ts';

/** Does work with uploads of its own, which are gone when it throws. */
export async function withOwnUploads<T>(
  vault: BackupVault,
  log: Log,
  work: (vault: BackupVault) => Promise<T>,
): Promise<T> {
  const failed = new AbortController();
  const own = { ...vault, signal: AbortSignal.any([vault.signal, failed.signal]) };
  try {
    return await work(own);
  } catch (error) {
    failed.abort(error);
    for (const { code, message } of await abortBackup(own, error)) {
      log.warn('upload left open', { code, reason: message });
    }
    throw error;
  }
}
