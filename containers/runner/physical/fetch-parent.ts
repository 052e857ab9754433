import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import type { BackupVault } from '../../../vault/backup-vault.ts';
import { kmsDataKeys } from '../../../vault/decryption/decryption-keyring.ts';
import { readArtifactStream } from '../../../vault/fetch-artifact.ts';

/**
 * Writes a parent's `backup_manifest`, the one artifact that a backup may decrypt, into a file.
 *
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function fetchParentManifest(
  vault: BackupVault,
  parent: PhysicalManifest,
  path: string,
): Promise<void> {
  const { signal } = vault;
  const reader = { vault, dataKeys: kmsDataKeys(vault.kmsKeyArn), signal };
  const bytes = readArtifactStream(reader, parent, parent.backupManifest);
  const file = createWriteStream(path, { flags: 'w', mode: 0o600 });
  await pipeline(Readable.from(bytes, { objectMode: false }), file, { signal });
}
