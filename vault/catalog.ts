import { HoldfastError } from '../contract/errors.ts';
import { parseLabel } from '../contract/label.ts';
import { type Manifest, parseManifest } from '../contract/manifest.ts';
import type { BackupKind } from '../contract/names.ts';
import {
  CLUSTERS_PREFIX,
  catalogPrefix,
  manifestKey,
  parseManifestKey,
} from '../contract/vault-keys.ts';
import { fetchVersion } from './fetch-object.ts';
import { listVersions } from './object-versions.ts';
import type { VaultReader } from './vault-reader.ts';

/** One backup, as the listing shows it: it exists because its manifest's key is listed. */
export interface CatalogEntry {
  readonly cluster: string;
  readonly label: string;
  readonly key: string;
  /** The oldest version of the manifest, which is the one that counts. */
  readonly versionId: string;
  /** Traces of tampering: later versions and delete markers over the manifest. */
  readonly warnings: readonly string[];
}

export interface CatalogListing {
  /** By label, so by time, oldest first. */
  readonly entries: readonly CatalogEntry[];
  /** Findings that belong to no listed backup. */
  readonly warnings: readonly string[];
}

/**
 * Names of the clusters that have anything in the vault, whether or not they are still configured.
 *
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function listClusters(vault: VaultReader): Promise<string[]> {
  const names = new Set<string>();
  const onFolder = (prefix: string) => names.add(prefix.slice(CLUSTERS_PREFIX.length, -1));
  for await (const _key of listVersions(vault, CLUSTERS_PREFIX, { onFolder })) {
    // A key beside the clusters' folders is nobody's.
  }
  return [...names].sort();
}

/**
 * Lists a cluster's backups without opening any manifest. A delete marker hides nothing and a later
 * version replaces nothing: both are reported.
 *
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function listBackups(vault: VaultReader, cluster: string): Promise<CatalogListing> {
  return listUnder(vault, catalogPrefix(cluster));
}

/**
 * Finds one backup, the cluster's latest of the kind when no label is given.
 *
 * @throws HoldfastError BACKUP_UNKNOWN, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function findBackup(
  vault: VaultReader,
  cluster: string,
  label: string | undefined,
  kind: BackupKind = 'logical',
): Promise<CatalogEntry> {
  const prefix = label === undefined ? catalogPrefix(cluster) : manifestKey(cluster, label);
  const { entries } = await listUnder(vault, prefix);
  const entry = entries.findLast((one) =>
    label === undefined ? parseLabel(one.label)?.kind === kind : one.label === label,
  );
  if (entry !== undefined) return entry;
  throw new HoldfastError(
    'BACKUP_UNKNOWN',
    label === undefined
      ? `The vault holds no ${kind} backup of a cluster "${cluster}".`
      : `The vault holds no backup ${label} of the cluster "${cluster}".`,
    {
      hint:
        label === undefined || parseLabel(label) !== undefined
          ? 'See what there is: holdfast list'
          : 'See the labels that there are: holdfast list. A restore without --label takes the latest',
    },
  );
}

/**
 * Reads the manifest that an entry stands for, by version.
 *
 * @throws HoldfastError MANIFEST_INVALID, VAULT_INTEGRITY when the manifest is not about the backup
 * under whose key it lies, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function readManifest(vault: VaultReader, entry: CatalogEntry): Promise<Manifest> {
  const manifest = parseManifest(await fetchVersion(vault, entry.key, entry.versionId), entry.key);
  if (manifest.cluster !== entry.cluster || manifest.label !== entry.label) {
    throw new HoldfastError(
      'VAULT_INTEGRITY',
      `${entry.key} says that it is about ${manifest.cluster}, ${manifest.label}: somebody copied a manifest.`,
      {
        hint: 'Do not restore from it. Find out who wrote it (CloudTrail), and use another backup.',
      },
    );
  }
  return manifest;
}

interface VersionsOfKey {
  oldest: string | undefined;
  versions: number;
  deleteMarkers: number;
}

async function listUnder(vault: VaultReader, prefix: string): Promise<CatalogListing> {
  const byKey = new Map<string, VersionsOfKey>();
  for await (const { key, versionId, deleteMarker } of listVersions(vault, prefix)) {
    const seen = byKey.get(key) ?? { oldest: undefined, versions: 0, deleteMarkers: 0 };
    byKey.set(key, seen);
    if (deleteMarker) {
      seen.deleteMarkers += 1;
    } else {
      seen.versions += 1;
      // A key's versions come newest first, so the last one seen is the oldest.
      seen.oldest = versionId;
    }
  }
  const entries: CatalogEntry[] = [];
  const warnings: string[] = [];
  for (const [key, seen] of byKey) {
    const parts = parseManifestKey(key);
    if (parts === undefined) {
      if (!isRollUp(key)) {
        warnings.push(`${key} is no manifest that this version of Holdfast knows; it is left out.`);
      }
    } else if (seen.oldest === undefined) {
      warnings.push(`${key} has a delete marker and no version: nothing of it is left.`);
    } else {
      entries.push({ ...parts, key, versionId: seen.oldest, warnings: traces(seen) });
    }
  }
  entries.sort((a, b) => (a.label < b.label ? -1 : 1));
  return { entries, warnings };
}

function traces({ versions, deleteMarkers }: VersionsOfKey): string[] {
  const found: string[] = [];
  if (versions > 1) {
    found.push(
      `The manifest has ${versions} versions; the oldest one counts. Find out who wrote over it (CloudTrail).`,
    );
  }
  if (deleteMarkers > 0) {
    found.push(
      'A delete marker lies over the manifest; the backup is still there. Find out who tried to delete it (CloudTrail).',
    );
  }
  return found;
}

function isRollUp(key: string): boolean {
  return /^clusters\/[^/]+\/catalog\/rollup\//.test(key);
}
