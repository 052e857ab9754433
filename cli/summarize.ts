import { parseLabel } from '../contract/label.ts';
import type { Manifest } from '../contract/manifest.ts';
import type { BackupKind, BackupType } from '../contract/names.ts';
import type { CatalogEntry } from '../vault/catalog.ts';

/** What `list` tells of one backup; `manifest` is missing where it cannot be read. */
export interface BackupSummary {
  readonly cluster: string;
  readonly label: string;
  readonly kind: BackupKind;
  /** What it really is: a label names what was asked for. */
  readonly type: BackupType;
  /** Labels of what a physical backup rests on: its parent, the last of these. Full first. */
  readonly chain: readonly string[];
  /** Whether the source's own pages were damaged: it can be restored, and proves nothing. */
  readonly damaged: boolean;
  readonly finishedAt: string | null;
  readonly ageSeconds: number | null;
  /** The oldest of its databases'; `null`: unknown. */
  readonly dataAsOf: string | null;
  readonly source: string | null;
  readonly databases: readonly string[];
  /** Size of the databases on the source when they were dumped, bytes. */
  readonly sourceBytes: number;
  /** Size in the vault, bytes. */
  readonly storedBytes: number;
  readonly lockedUntil: string | null;
  readonly lockMode: string | null;
  readonly warnings: readonly string[];
}

export function summarize(entry: CatalogEntry, manifest: Manifest, now: Date): BackupSummary {
  const databases = databasesOf(manifest);
  return {
    cluster: entry.cluster,
    label: entry.label,
    kind: manifest.kind,
    type: manifest.type,
    ...restsOn(manifest),
    finishedAt: manifest.finishedAt,
    ageSeconds: Math.max(0, (now.getTime() - Date.parse(manifest.finishedAt)) / 1000),
    dataAsOf: dataAsOf(manifest),
    source: manifest.source.role,
    databases: databases.map(({ name }) => name),
    sourceBytes: sum(databases.map(({ sizeBytes }) => sizeBytes)),
    storedBytes: sum(manifest.artifacts.map(({ cipher }) => cipher.bytes)),
    lockedUntil: manifest.lock.retainUntil,
    lockMode: manifest.lock.mode,
    warnings: [...entry.warnings, ...manifest.warnings],
  };
}

export function summarizeUnreadable(entry: CatalogEntry, problem: string): BackupSummary {
  return {
    cluster: entry.cluster,
    label: entry.label,
    ...askedFor(entry.label),
    chain: [],
    damaged: false,
    finishedAt: null,
    ageSeconds: null,
    dataAsOf: null,
    source: null,
    databases: [],
    sourceBytes: 0,
    storedBytes: 0,
    lockedUntil: null,
    lockMode: null,
    warnings: [...entry.warnings, problem],
  };
}

function restsOn(manifest: Manifest): Pick<BackupSummary, 'chain' | 'damaged'> {
  return manifest.kind === 'physical'
    ? { chain: manifest.chain, damaged: manifest.damage.length > 0 }
    : { chain: [], damaged: false };
}

function askedFor(label: string): Pick<BackupSummary, 'kind' | 'type'> {
  const { kind = 'logical', type = 'full' } = parseLabel(label) ?? {};
  return { kind, type };
}

/** Databases have snapshots of their own: the backup as a whole is as old as the oldest. */
function dataAsOf(manifest: Manifest): string | null {
  if (manifest.kind === 'physical') return manifest.stop.at;
  const { databases, dumpAll } = manifest;
  if (dumpAll !== null) return dumpAll.dataAsOf;
  const instants = databases.map((database) => database.dataAsOf);
  if (instants.length === 0 || instants.includes(null)) return null;
  return instants.toSorted()[0] ?? null;
}

/** What the backup holds, however it is written. */
export function databasesOf(
  manifest: Manifest,
): readonly { readonly name: string; readonly sizeBytes: number }[] {
  return manifest.kind === 'physical'
    ? manifest.databases
    : (manifest.dumpAll?.databases ?? manifest.databases);
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
