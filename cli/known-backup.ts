import { HoldfastError } from '../contract/errors.ts';
import { parseLabel } from '../contract/label.ts';
import type { BackupKind } from '../contract/names.ts';
import { type CatalogEntry, findBackup, listBackups, listClusters } from '../vault/catalog.ts';
import type { VaultReader } from '../vault/vault-reader.ts';
import type { Io } from './io.ts';
import { unknownCluster } from './unknown-cluster.ts';

export interface WantedBackup {
  readonly environment: string;
  readonly cluster: string;
  /** @default the latest of the kind */
  readonly label?: string | undefined;
  /** @default 'logical' */
  readonly kind?: BackupKind | undefined;
}

/**
 * Finds a backup that a person named. Where there is none, it says whether the cluster's name is wrong,
 * or the cluster has no backup yet.
 *
 * @throws HoldfastError CLUSTER_UNKNOWN, BACKUP_UNKNOWN, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function findKnownBackup(
  vault: VaultReader,
  { environment, cluster, label, kind }: WantedBackup,
  io: Io,
): Promise<CatalogEntry> {
  try {
    return await findBackup(vault, cluster, label, kind);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'BACKUP_UNKNOWN') throw error;
    const configured = await io.services.configuredClusters(environment);
    const there = await listClusters(vault);
    if (!configured.has(cluster) && !there.includes(cluster)) {
      throw unknownCluster(cluster, [...configured.keys(), ...there]);
    }
    const { entries } = await listBackups(vault, cluster);
    if (entries.length > 0) {
      const physical = entries.every(({ label }) => parseLabel(label)?.kind === 'physical');
      if (label !== undefined || kind === 'physical' || !physical) throw error;
      throw new HoldfastError('BACKUP_UNKNOWN', error.message, {
        hint: `${error.hint}, or give --kind physical`,
        cause: error,
      });
    }
    throw new HoldfastError('BACKUP_UNKNOWN', `The cluster "${cluster}" has no backup yet.`, {
      hint: `Take one: holdfast backup --cluster ${cluster}${kind === 'physical' ? ' --kind physical' : ''}`,
      cause: error,
    });
  }
}
