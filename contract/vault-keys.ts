import { parseLabel } from './label.ts';

/** Where things lie in the vault. Every key is built and taken apart here and nowhere else. */
export const CLUSTERS_PREFIX = 'clusters/';

export function clusterPrefix(cluster: string): string {
  return `${CLUSTERS_PREFIX}${cluster}/`;
}

/** Prefix of a cluster's manifests. */
export function catalogPrefix(cluster: string): string {
  return `${clusterPrefix(cluster)}catalog/`;
}

export function manifestKey(cluster: string, label: string): string {
  return `${catalogPrefix(cluster)}${label}.json`;
}

/** Prefix of a cluster's artifacts. */
export function backupsPrefix(cluster: string): string {
  return `${clusterPrefix(cluster)}backups/`;
}

/** `artifact` is a relative path such as `db-16384/pack.tar.0001`. */
export function artifactKey(cluster: string, label: string, artifact: string): string {
  return `${backupsPrefix(cluster)}${label}/${artifact}`;
}

export interface ManifestKeyParts {
  readonly cluster: string;
  readonly label: string;
}

export function parseManifestKey(key: string): ManifestKeyParts | undefined {
  const match = /^clusters\/([a-z0-9-]{1,40})\/catalog\/([^/]+)\.json$/.exec(key);
  const [, cluster, label] = match ?? [];
  if (cluster === undefined || label === undefined || parseLabel(label) === undefined)
    return undefined;
  return { cluster, label };
}

export interface ArtifactKeyParts extends ManifestKeyParts {
  readonly artifact: string;
}

export function parseArtifactKey(key: string): ArtifactKeyParts | undefined {
  const match = /^clusters\/([a-z0-9-]{1,40})\/backups\/([^/]+)\/(.+)$/.exec(key);
  const [, cluster, label, artifact] = match ?? [];
  if (cluster === undefined || label === undefined || artifact === undefined) return undefined;
  if (parseLabel(label) === undefined) return undefined;
  return { cluster, label, artifact };
}
