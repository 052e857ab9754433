import type { Artifact } from '../../contract/artifacts.ts';
import { Chains } from '../../contract/chains.ts';
import { type Finding, finding } from '../../contract/findings.ts';
import type { Manifest } from '../../contract/manifest.ts';
import type { PhysicalManifest } from '../../contract/physical-manifest.ts';
import { artifactKey, backupsPrefix, catalogPrefix } from '../../contract/vault-keys.ts';
import { type CatalogEntry, listBackups, readManifest } from '../catalog.ts';
import { eachAtOnce } from '../each-at-once.ts';
import { type ListedObject, listObjects } from '../listed-objects.ts';
import { type FoundLock, lockFindings, readLock } from './object-lock.ts';
import { countOrphans, type Orphans } from './orphans.ts';
import {
  AT_ONCE,
  aboutContent,
  tracesOn,
  type Verification,
  type Verified,
} from './verification.ts';

export interface VerifiedBackups extends Verified {
  readonly manifests: readonly Manifest[];
  /** `undefined`: not looked for, because one backup was asked for. */
  readonly orphans: Orphans | undefined;
}

/**
 * Looks at a cluster's manifests, their artifacts and their chains, without reading any artifact: that
 * each is there in the version and the length that was published, and locked for as long.
 *
 * @param label only this one, and those that it rests on.
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function verifyBackups(
  work: Verification,
  label: string | undefined,
): Promise<VerifiedBackups> {
  const { vault, cluster } = work;
  const findings: Finding[] = [];
  const listing = await listBackups(vault, cluster);
  const manifests = await readManifests(work, listing.entries, findings);
  const chains = new Chains(manifests.filter(isPhysical));
  const members = new Set(label === undefined ? manifests.map((one) => one.label) : [label]);
  for (const one of manifests.filter(isPhysical)) {
    if (one.label === label) for (const parent of one.chain) members.add(parent);
  }
  const wanted = manifests.filter((one) => members.has(one.label));
  if (label === undefined) {
    for (const found of listing.warnings) findings.push(finding('KEY_UNKNOWN', { cluster, found }));
  }
  for (const manifest of wanted.filter(isPhysical)) {
    for (const { is, found } of chains.problemsOf(manifest)) {
      findings.push(finding(is, { cluster, label: manifest.label, found }));
    }
    for (const { file, found } of manifest.damage) {
      const what = { cluster, label: manifest.label, found: `${file}: ${found}` };
      findings.push(finding('PAGES_DAMAGED', what));
    }
  }
  const ofOthers = (found: Finding) =>
    label !== undefined && found.label !== undefined && !members.has(found.label);
  const manifestFindings = await traces(work, wanted, members, label);
  const listed = await listArtifacts(work, wanted, label);
  const artifacts = await verifyArtifacts(work, wanted, listed);
  const unread = listing.entries.filter((entry) => !manifests.some(isOf(entry)));
  const orphans =
    label === undefined
      ? countOrphans(cluster, listed, { manifests, unread: unread.map((one) => one.label) })
      : undefined;
  return {
    ...{ manifests: wanted, orphans },
    objects: artifacts.objects + wanted.length,
    bytes: artifacts.bytes,
    findings: [
      ...[...findings, ...manifestFindings, ...artifacts.findings].filter((one) => !ofOthers(one)),
      ...(orphans?.findings ?? []),
    ],
  };
}

function isOf({ label }: CatalogEntry): (manifest: Manifest) => boolean {
  return (manifest) => manifest.label === label;
}

function isPhysical(manifest: Manifest): manifest is PhysicalManifest {
  return manifest.kind === 'physical';
}

async function readManifests(
  { vault, cluster, signal }: Verification,
  entries: readonly CatalogEntry[],
  findings: Finding[],
): Promise<Manifest[]> {
  const manifests: Manifest[] = [];
  await eachAtOnce(entries, AT_ONCE, async (entry) => {
    signal.throwIfAborted();
    try {
      manifests.push(await readManifest(vault, entry));
    } catch (error) {
      const { key, label } = entry;
      const found = aboutContent(error).message;
      findings.push(finding('MANIFEST_UNREADABLE', { cluster, label, key, found }));
    }
  });
  return manifests.sort((a, b) => (a.label < b.label ? -1 : 1));
}

/** Of hands on manifests; and that these are locked for as long as what they are of. */
async function traces(
  { vault, cluster }: Verification,
  read: readonly Manifest[],
  members: ReadonlySet<string>,
  label: string | undefined,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const manifests: { object: ListedObject; of: string }[] = [];
  for await (const object of listObjects(vault, catalogPrefix(cluster), [])) {
    const of = object.key.slice(catalogPrefix(cluster).length, -'.json'.length);
    if (label !== undefined && !members.has(of)) continue;
    manifests.push({ object, of });
    const about = { cluster, key: object.key, ...(members.has(of) ? { label: of } : {}) };
    for (const { code, found } of tracesOn(object))
      findings.push(finding(code, { ...about, found }));
  }
  const longestChild = longestChildren(read.filter(isPhysical));
  await eachAtOnce(manifests, AT_ONCE, async ({ object, of }) => {
    const { key } = object;
    const lock = await readLock(vault, object);
    const manifest = read.find(({ label }) => label === of);
    findings.push(
      ...(manifest === undefined
        ? lockFindings(lock, undefined, { cluster, key })
        : locksOf(lock, manifest, longestChild, { cluster, label: of, key })),
    );
  });
  return findings;
}

async function verifyArtifacts(
  work: Verification,
  manifests: readonly Manifest[],
  listed: ReadonlyMap<string, ListedObject>,
): Promise<Verified> {
  const { vault, cluster, signal } = work;
  const findings: Finding[] = [];
  const all = manifests.flatMap((manifest) =>
    manifest.artifacts.map((artifact) => ({ manifest, artifact })),
  );
  const longestChild = longestChildren(manifests.filter(isPhysical));
  let [done, bytes] = [0, 0];
  await eachAtOnce(all, AT_ONCE, async ({ manifest, artifact }) => {
    signal.throwIfAborted();
    const { label } = manifest;
    const key = artifactKey(cluster, label, artifact.name);
    const object = listed.get(key);
    const about = { cluster, label, key };
    findings.push(...compare(artifact, object, about));
    if (object?.versionId === artifact.versionId) {
      bytes += object.bytes;
      const lock = await readLock(vault, object);
      findings.push(...locksOf(lock, manifest, longestChild, about));
    }
    done += 1;
    work.onProgress({ stage: 'check', done, total: all.length, unit: 'objects' });
  });
  return { objects: all.length, bytes, findings };
}

/** Whether an object of a backup is locked for as long as the backup, and as what rests on that. */
function locksOf(
  lock: FoundLock,
  { label, lock: { retainUntil } }: Manifest,
  longestChild: ReadonlyMap<string, PhysicalManifest>,
  about: { readonly cluster: string; readonly label: string; readonly key: string },
): Finding[] {
  const own = lockFindings(lock, { until: retainUntil, by: 'its manifest says' }, about);
  const child = longestChild.get(label);
  if (child === undefined || own.length > 0) return own;
  const by = `${child.label}, which rests on it, is locked`;
  return lockFindings(lock, { until: child.lock.retainUntil, by }, about).map(({ found }) =>
    finding('PARENT_LOCK_SHORT', { ...about, found }),
  );
}

/** Of each backup that others rest on, by label: the one of these that is locked for the longest. */
function longestChildren(
  manifests: readonly PhysicalManifest[],
): ReadonlyMap<string, PhysicalManifest> {
  const longest = new Map<string, PhysicalManifest>();
  for (const child of manifests) {
    for (const parent of child.chain) {
      const until = longest.get(parent)?.lock.retainUntil;
      if (until === undefined || Date.parse(until) < Date.parse(child.lock.retainUntil))
        longest.set(parent, child);
    }
  }
  return longest;
}

/** Of one backup alone by its own prefix, of all of a cluster's in one go. */
async function listArtifacts(
  { vault, cluster }: Verification,
  manifests: readonly Manifest[],
  label: string | undefined,
): Promise<Map<string, ListedObject>> {
  const all = backupsPrefix(cluster);
  const prefixes =
    label === undefined ? [all] : manifests.map((manifest) => `${all}${manifest.label}/`);
  const listed = new Map<string, ListedObject>();
  for (const prefix of prefixes) {
    for await (const object of listObjects(vault, prefix, [])) listed.set(object.key, object);
  }
  return listed;
}

function compare(
  { key, versionId, cipher }: Artifact,
  object: ListedObject | undefined,
  about: { readonly cluster: string; readonly label: string; readonly key: string },
): Finding[] {
  if (key !== about.key) {
    return [finding('ARTIFACT_OTHER', { ...about, found: `its manifest leads to ${key}` })];
  }
  if (object === undefined) {
    return [finding('ARTIFACT_MISSING', { ...about, found: `nothing is under its key` })];
  }
  const findings = tracesOn(object).map(({ code, found }) => finding(code, { ...about, found }));
  if (object.versionId !== versionId) {
    const found = `the oldest version is ${object.versionId}, and its manifest names ${versionId}`;
    return [...findings, finding('ARTIFACT_OTHER', { ...about, found })];
  }
  if (object.bytes !== cipher.bytes) {
    const found = `it has ${object.bytes} bytes, and its manifest says ${cipher.bytes}`;
    findings.push(finding('ARTIFACT_SIZE', { ...about, found }));
  }
  return findings;
}
