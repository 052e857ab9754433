import { asHoldfastError } from '../../../contract/errors.ts';
import { parseLabel } from '../../../contract/label.ts';
import type { BackupType, LockMode } from '../../../contract/names.ts';
import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import type { TimelineSwitch } from '../../../contract/timeline-history.ts';
import { artifactKey } from '../../../contract/vault-keys.ts';
import { formatLsn, parseLsn } from '../../../contract/wal-segments.ts';
import { type CatalogEntry, listBackups, readManifest } from '../../../vault/catalog.ts';
import { listVersions } from '../../../vault/object-versions.ts';
import type { VaultReader } from '../../../vault/vault-reader.ts';

/** A backup that is still locked for less than this is too old to rest on, ms: we take time, too. */
const LOCK_LEFT_MS = 24 * 60 * 60 * 1000;

/** What an incremental or differential backup rests on. */
export interface Parent {
  /** Full first; the last of them is the parent. Each as it is listed, and as it says. */
  readonly members: readonly Member[];
  readonly manifest: PhysicalManifest;
}

export interface Member {
  readonly entry: CatalogEntry;
  readonly manifest: PhysicalManifest;
}

export interface ParentWanted {
  readonly vault: VaultReader;
  readonly cluster: string;
  readonly type: Exclude<BackupType, 'full'>;
  readonly systemIdentifier: string;
  /** Of the source. */
  readonly timeline: number;
  /** Where that comes from. */
  readonly history: readonly TimelineSwitch[];
  /** Whether the source's pages have checksums. */
  readonly dataChecksums: boolean;
  /** Of what is about to be taken. */
  readonly lockMode: LockMode;
  readonly maxChainLength: number;
  readonly now: Date;
}

/**
 * Chooses what to rest on: for an incremental backup the last one of this server that is not damaged, for
 * a differential one the last full one.
 *
 * @returns why there is none where there is none: then a full backup is taken, and says so.
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function chooseParent(wanted: ParentWanted): Promise<Parent | { why: string }> {
  const { vault, cluster, now } = wanted;
  const { entries } = await listBackups(vault, cluster);
  const byLabel = new Map(entries.map((entry) => [entry.label, entry]));
  let newest: string | undefined;
  for (const entry of entries.toReversed()) {
    if (parseLabel(entry.label)?.kind !== 'physical') continue;
    const manifest = await readMember(vault, entry);
    if (typeof manifest === 'string') {
      newest ??= manifest;
      continue;
    }
    const unfit = unfitness(manifest, wanted);
    if (unfit === undefined) {
      if (new Date(manifest.lock.retainUntil).getTime() - now.getTime() < LOCK_LEFT_MS) {
        return { why: `the lock of ${entry.label} ends at ${manifest.lock.retainUntil}` };
      }
      return await chainOf(wanted, { entry, manifest }, byLabel);
    }
    newest ??= unfit;
  }
  return { why: newest ?? 'there is no base backup to rest on' };
}

/** A sentence where it cannot be read: the next older one may do. */
async function readMember(
  vault: VaultReader,
  entry: CatalogEntry,
): Promise<PhysicalManifest | string> {
  try {
    const manifest = await readManifest(vault, entry);
    if (manifest.kind === 'physical') return manifest;
    return `${entry.label} says that it is no physical backup`;
  } catch (thrown) {
    const error = asHoldfastError(thrown);
    if (error.code === 'MANIFEST_INVALID' || error.code === 'VAULT_INTEGRITY') return error.message;
    throw error;
  }
}

/** Why a backup cannot be the parent; `undefined` if it can. */
function unfitness(manifest: PhysicalManifest, wanted: ParentWanted): string | undefined {
  const { label, type, damage, source, stop, server, lock } = manifest;
  if (damage.length > 0) return `${label} is damaged`;
  if (source.systemIdentifier !== wanted.systemIdentifier) {
    return `${label} is of another database system, ${source.systemIdentifier}`;
  }
  if (stop.timeline > wanted.timeline) {
    return `${label} ends on timeline ${stop.timeline}, and the server is on ${wanted.timeline}`;
  }
  const left = wanted.history.find(({ timeline }) => timeline === stop.timeline);
  // Not every minor version of PostgreSQL looks: it would mix in what was given up with the timeline.
  if (
    stop.timeline < wanted.timeline &&
    (left === undefined || parseLsn(stop.lsn) > left.switchLsn)
  ) {
    const where =
      left === undefined
        ? 'which the server has never been on'
        : `which the server left at ${formatLsn(left.switchLsn)}`;
    return `${label} ends at ${stop.lsn} on timeline ${stop.timeline}, ${where}`;
  }
  // Turning them on writes every page and no WAL: those that come from the parent would be without.
  if (server.dataChecksums !== wanted.dataChecksums) {
    const [then, now] = [server.dataChecksums, wanted.dataChecksums].map((on) =>
      on ? 'on' : 'off',
    );
    return `${label} was taken with data checksums ${then}, and they are ${now}`;
  }
  // Its lock has to be made longer, and no lock can be set in another mode than it has.
  if (lock.mode !== wanted.lockMode) {
    return `${label} is locked in ${lock.mode} mode, and new backups are in ${wanted.lockMode} mode`;
  }
  if (wanted.type === 'differential' && type !== 'full') return `${label} is no full backup`;
  return undefined;
}

async function chainOf(
  { vault, cluster, maxChainLength }: ParentWanted,
  parent: Member,
  byLabel: ReadonlyMap<string, CatalogEntry>,
): Promise<Parent | { why: string }> {
  const { manifest } = parent;
  if (manifest.chain.length + 1 > maxChainLength) {
    return {
      why: `${manifest.label} rests on ${manifest.chain.length} backups, and no chain is longer than ${maxChainLength}`,
    };
  }
  const members: Member[] = [];
  for (const label of manifest.chain) {
    const entry = byLabel.get(label);
    if (entry === undefined) {
      return { why: `${label}, which ${manifest.label} rests on, is missing from the vault` };
    }
    const member = await readMember(vault, entry);
    if (typeof member === 'string') return { why: member };
    members.push({ entry, manifest: member });
  }
  members.push(parent);
  for (const member of members) {
    const missing = await missingArtifact(vault, cluster, member.manifest);
    if (missing !== undefined) return { why: `${missing} is missing from the vault` };
  }
  return { members, manifest };
}

async function missingArtifact(
  vault: VaultReader,
  cluster: string,
  { label, artifacts }: PhysicalManifest,
): Promise<string | undefined> {
  const there = new Set<string>();
  for await (const { key, versionId, bytes } of listVersions(
    vault,
    artifactKey(cluster, label, ''),
  )) {
    there.add(`${key} ${versionId} ${bytes}`);
  }
  return artifacts
    .map(({ name, versionId, cipher }) => ({
      key: artifactKey(cluster, label, name),
      versionId,
      cipher,
    }))
    .find(({ key, versionId, cipher }) => !there.has(`${key} ${versionId} ${cipher.bytes}`))?.key;
}
