import { HoldfastError } from '../contract/errors.ts';
import { parseLabel } from '../contract/label.ts';
import type { Manifest } from '../contract/manifest.ts';
import { artifactKey } from '../contract/vault-keys.ts';
import type { BackupVault } from './backup-vault.ts';
import { findBackup, readManifest } from './catalog.ts';
import { listVersions } from './object-versions.ts';

/** How far the clock of whoever asked may be ahead of S3's. Milliseconds. */
const CLOCK_SKEW_MS = 5 * 60_000;

/**
 * The manifest of this very backup, if another task has published it whole: a label is made from what
 * asked, so whatever lies under it was asked for by the same request. `undefined` too where the manifest
 * names an artifact that is not there: nobody could restore that; or one that S3 received before the
 * label's time: nothing that was asked for then can have been written before, so somebody forged it to
 * keep the run from taking place.
 *
 * @throws HoldfastError MANIFEST_INVALID, VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function findPublished(
  vault: Pick<BackupVault, 's3' | 'bucket' | 'cluster' | 'label'>,
): Promise<Manifest | undefined> {
  const { cluster, label } = vault;
  const entry = await findBackup(vault, cluster, label).catch((error: unknown) => {
    if (error instanceof HoldfastError && error.code === 'BACKUP_UNKNOWN') return undefined;
    throw error;
  });
  if (entry === undefined) return undefined;
  const manifest = await readManifest(vault, entry);
  const asked = new Date(parseLabel(label)?.time ?? Number.NaN).getTime();
  const there = new Set<string>();
  const prefix = artifactKey(cluster, label, '');
  for await (const { key, versionId, bytes, lastModified } of listVersions(vault, prefix)) {
    if (lastModified.getTime() < asked - CLOCK_SKEW_MS) continue;
    there.add(`${key} ${versionId} ${bytes}`);
  }
  const whole = manifest.artifacts.every(({ name, versionId, cipher }) =>
    there.has(`${artifactKey(cluster, label, name)} ${versionId} ${cipher.bytes}`),
  );
  return whole ? manifest : undefined;
}
