import { type Finding, finding } from '../../contract/findings.ts';
import type { Manifest } from '../../contract/manifest.ts';
import { artifactKey, parseArtifactKey } from '../../contract/vault-keys.ts';
import type { ListedObject } from '../listed-objects.ts';

/** Artifacts that no manifest names: locked, paid for, and never listed or restored. */
export interface Orphans {
  readonly objects: number;
  /** As they are stored. */
  readonly bytes: number;
  /** One for each label. */
  readonly findings: readonly Finding[];
}

export interface Named {
  readonly manifests: readonly Manifest[];
  /** Labels of manifests that cannot be read: what they name is not known. */
  readonly unread: readonly string[];
}

/**
 * Counts what lies among a cluster's artifacts and belongs to no backup. Pure.
 *
 * @param listed all of them, by key.
 */
export function countOrphans(
  cluster: string,
  listed: ReadonlyMap<string, ListedObject>,
  { manifests, unread }: Named,
): Orphans {
  const named = new Set(
    manifests.flatMap(({ label, artifacts }) =>
      artifacts.map(({ name }) => artifactKey(cluster, label, name)),
    ),
  );
  const findings: Finding[] = [];
  const byLabel = new Map<string, { objects: number; bytes: number }>();
  for (const [key, { bytes }] of listed) {
    const label = parseArtifactKey(key)?.label;
    if (label === undefined) {
      const found = 'it is no artifact that this version of Holdfast knows';
      findings.push(finding('KEY_UNKNOWN', { cluster, key, found }));
    } else if (!named.has(key) && !unread.includes(label)) {
      const before = byLabel.get(label) ?? { objects: 0, bytes: 0 };
      byLabel.set(label, { objects: before.objects + 1, bytes: before.bytes + bytes });
    }
  }
  let [objects, bytes] = [0, 0];
  for (const [label, of] of byLabel) {
    objects += of.objects;
    bytes += of.bytes;
    const found = `${of.objects} of its objects, ${of.bytes} bytes, are named by no manifest`;
    findings.push(finding('ORPHANS', { cluster, label, found }));
  }
  return { objects, bytes, findings };
}
