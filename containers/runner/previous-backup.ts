import { asHoldfastError, type HoldfastError } from '../../contract/errors.ts';
import type { LogicalManifest } from '../../contract/logical-manifest.ts';
import { manifestOfKind } from '../../contract/manifest.ts';
import { findBackup, readManifest } from '../../vault/catalog.ts';
import type { VaultReader } from '../../vault/vault-reader.ts';

export interface PreviousBackup {
  /** `undefined` where there is none, or where it cannot be read. */
  readonly manifest: LogicalManifest | undefined;
  readonly warnings: readonly string[];
}

/**
 * Reads what the cluster's last backup says of itself. That it cannot be read is a warning: a backup
 * is taken all the same.
 */
export async function readPreviousBackup(
  vault: VaultReader,
  cluster: string,
): Promise<PreviousBackup> {
  try {
    const entry = await findBackup(vault, cluster, undefined);
    return { manifest: manifestOfKind(await readManifest(vault, entry), 'logical'), warnings: [] };
  } catch (thrown) {
    const error = asHoldfastError(thrown);
    const warnings = error.code === 'BACKUP_UNKNOWN' ? [] : [cannotCompare(error)];
    return { manifest: undefined, warnings };
  }
}

export function cannotCompare({ message }: HoldfastError): string {
  return `The last backup cannot be compared with: ${message}`;
}
