import { Chains } from '../contract/chains.ts';
import { parseLabel } from '../contract/label.ts';
import type { BackupKind } from '../contract/names.ts';
import type { ClusterState } from '../contract/parameters.ts';
import { type CatalogEntry, listBackups, listClusters } from '../vault/catalog.ts';
import { describeRecovery, type RecoverySummary, recoveryOf } from './cluster-recovery.ts';
import { describeCluster, type Standing, standingOf } from './cluster-state.ts';
import { formatBytes, formatInstant, formatSeconds, formatTable } from './format.ts';
import type { Io } from './io.ts';
import { physicalOf, type ReadBackup, readBackups } from './read-backups.ts';
import { type BackupSummary, summarize, summarizeUnreadable } from './summarize.ts';
import { unknownCluster } from './unknown-cluster.ts';

export interface ListOptions {
  readonly environment: string;
  readonly cluster?: string | undefined;
  readonly kind?: BackupKind | undefined;
  readonly json: boolean;
}

/** A cluster as `list` shows it. */
interface ListedCluster {
  readonly name: string;
  readonly state: Standing;
  readonly recovery: RecoverySummary | null;
}

/**
 * `holdfast list`
 *
 * @throws HoldfastError CLUSTER_UNKNOWN when there is no such cluster, and never was one
 */
export async function list(
  { environment, cluster, kind, json }: ListOptions,
  io: Io,
): Promise<void> {
  const vault = await io.services.openVault(environment);
  const inVault = cluster === undefined ? await listClusters(vault) : [cluster];
  const entries: CatalogEntry[] = [];
  const warnings: string[] = [];
  for (const name of inVault) {
    const listing = await listBackups(vault, name);
    entries.push(...listing.entries);
    warnings.push(...listing.warnings);
  }
  const configured = await io.services.configuredClusters(environment);
  if (cluster !== undefined && entries.length === 0 && !configured.has(cluster)) {
    const there = await listClusters(vault);
    if (!there.includes(cluster)) throw unknownCluster(cluster, [...configured.keys(), ...there]);
  }
  const wanted = entries.filter(
    ({ label }) => kind === undefined || parseLabel(label)?.kind === kind,
  );
  const read = await readBackups(vault, wanted, io);
  const backups = read.map((one) => summaryOf(one, read, io.now()));
  const clusters: ListedCluster[] = [];
  for (const name of namesOf(inVault, cluster === undefined ? configured : new Map())) {
    const recovery =
      kind === 'logical' ? null : await recoveryOf(vault, { environment, cluster: name }, read, io);
    clusters.push({ name, state: standingOf(name, configured), recovery });
  }
  if (json) {
    io.stdout.write(`${JSON.stringify({ clusters, backups, warnings }, null, 2)}\n`);
    return;
  }
  if (backups.length === 0) {
    const of = cluster === undefined ? '' : ` of the cluster "${cluster}"`;
    io.stdout.write(`The vault holds no ${kind === undefined ? '' : `${kind} `}backup${of}.\n`);
  } else {
    io.stdout.write(formatTable([HEAD, ...backups.map((backup) => row(backup, configured))]));
  }
  io.stdout.write(clusters.map(recoveryText).join(''));
  for (const { cluster: of, label, warnings: found } of backups) {
    for (const warning of found) io.stderr.write(`warning: ${of}, ${label}: ${warning}\n`);
  }
  for (const { name, recovery } of clusters) {
    for (const warning of recovery?.warnings ?? []) {
      io.stderr.write(`warning: ${name}: ${warning}\n`);
    }
  }
  for (const warning of warnings) io.stderr.write(`warning: ${warning}\n`);
}

/** Everything that is there or should be, sorted. */
function namesOf(inVault: readonly string[], configured: ReadonlyMap<string, unknown>): string[] {
  return [...new Set([...inVault, ...configured.keys()])].sort();
}

function recoveryText({ name, recovery }: ListedCluster): string {
  return recovery === null ? '' : `\n${describeRecovery(name, recovery)}`;
}

function summaryOf(
  { entry, manifest, problem }: ReadBackup,
  read: readonly ReadBackup[],
  now: Date,
): BackupSummary {
  if (manifest === undefined) return summarizeUnreadable(entry, problem);
  const summary = summarize(entry, manifest, now);
  if (manifest.kind === 'logical' || manifest.chain.length === 0) return summary;
  const problems = new Chains(physicalOf(read, entry.cluster)).problemsOf(manifest);
  const found = problems.map((one) => `${one.is}: ${one.found}`);
  return { ...summary, warnings: [...summary.warnings, ...found] };
}

/** The wide ones last: a terminal that folds lines folds those. */
const HEAD = [
  'LABEL',
  'CLUSTER',
  'KIND',
  'TYPE',
  'AGE',
  'DATA AS OF',
  'SOURCE',
  'SIZE',
  'STORED',
  'LOCKED UNTIL',
  'WARNINGS',
  'RESTS ON',
  'DATABASES',
];

function row(backup: BackupSummary, configured: ReadonlyMap<string, ClusterState>): string[] {
  const cluster = describeCluster(backup.cluster, standingOf(backup.cluster, configured));
  const warnings = backup.warnings.length === 0 ? '-' : String(backup.warnings.length);
  if (backup.ageSeconds === null) {
    const unread = Array.from({ length: 6 }, () => '?');
    return [backup.label, cluster, backup.kind, backup.type, ...unread, warnings, '?', '?'];
  }
  return [
    backup.label,
    cluster,
    backup.kind,
    backup.damaged ? `${backup.type} (damaged)` : backup.type,
    formatSeconds(backup.ageSeconds),
    formatInstant(backup.dataAsOf),
    backup.source ?? '?',
    formatBytes(backup.sourceBytes),
    formatBytes(backup.storedBytes),
    formatInstant(backup.lockedUntil),
    warnings,
    backup.chain.at(-1) ?? '-',
    names(backup.databases),
  ];
}

function names(databases: readonly string[]): string {
  const shown = databases.slice(0, 3).join(', ');
  return databases.length > 3 ? `${shown} and ${databases.length - 3} more` : shown;
}
