import { asHoldfastError, type HoldfastError } from '../contract/errors.ts';
import { parseLabel } from '../contract/label.ts';
import type { BackupKind } from '../contract/names.ts';
import { backupsPrefix, parseArtifactKey } from '../contract/vault-keys.ts';
import { abortUpload } from './artifact-upload.ts';
import type { BackupVault } from './backup-vault.ts';
import { listOpenUploads } from './open-uploads.ts';

/** Beyond the longest run: clocks differ, and a run that is told to end needs a moment. */
const GRACE_MINUTES = 60;

/**
 * Aborts what runs of the same cluster and kind left open that cannot be alive any more: uploads
 * begun longer ago than any run may take. Others are left alone. Never throws: a backup does not
 * fail because an old upload could not be cleared away.
 */
export async function abortStaleUploads(
  vault: BackupVault,
  kind: BackupKind,
  maxDurationMinutes: number,
  now = new Date(),
): Promise<{ aborted: number; failures: HoldfastError[] }> {
  const before = now.getTime() - (maxDurationMinutes + GRACE_MINUTES) * 60_000;
  const failures: HoldfastError[] = [];
  let aborted = 0;
  try {
    for await (const upload of listOpenUploads(vault, backupsPrefix(vault.cluster))) {
      const label = parseArtifactKey(upload.key)?.label;
      if (label === undefined || parseLabel(label)?.kind !== kind) continue;
      if (upload.initiated.getTime() >= before) continue;
      const failure = await abortUpload(vault, upload.key, upload.uploadId);
      if (failure === undefined) aborted += 1;
      else failures.push(failure);
    }
  } catch (error) {
    failures.push(asHoldfastError(error));
  }
  return { aborted, failures };
}
