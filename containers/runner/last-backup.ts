import { asHoldfastError } from '../../contract/errors.ts';
import type { Manifest } from '../../contract/manifest.ts';
import { listBackups, readManifest } from '../../vault/catalog.ts';
import type { VaultReader } from '../../vault/vault-reader.ts';
import { cannotCompare } from './previous-backup.ts';
import type { LastBackup } from './source/behind-last.ts';

/** Where the cluster's last backup came from. */
export interface FoundLast {
  /** `undefined` where there is none, or where it cannot be read. */
  readonly last: LastBackup | undefined;
  readonly warnings: readonly string[];
}

/**
 * Reads where the cluster's last backup came from, of whatever kind that was. That it cannot be read is a
 * warning: a backup is taken all the same.
 */
export async function readLastBackup(vault: VaultReader, cluster: string): Promise<FoundLast> {
  try {
    const entry = (await listBackups(vault, cluster)).entries.at(-1);
    const last = entry && asLast(await readManifest(vault, entry));
    return { last, warnings: [] };
  } catch (thrown) {
    return { last: undefined, warnings: [cannotCompare(asHoldfastError(thrown))] };
  }
}

function asLast({ label, startedAt, source }: Manifest): LastBackup {
  const { host, port, systemIdentifier, timeline, lsn } = source;
  return { label, startedAt: new Date(startedAt), host, port, systemIdentifier, timeline, lsn };
}
