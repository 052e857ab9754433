import { HoldfastError } from '../contract/errors.ts';
import type { ClusterState } from '../contract/parameters.ts';
import { type CatalogEntry, listBackups, listClusters, readManifest } from '../vault/catalog.ts';
import type { VaultReader } from '../vault/vault-reader.ts';
import { describeCluster, standingOf } from './cluster-state.ts';
import { formatBytes, formatInstant, formatSeconds, formatTable } from './format.ts';
import type { Io } from './io.ts';
import { type BackupSummary, summarize, summarizeUnreadable } from './summarize.ts';

/** Manifests read at a time. */
const AT_ONCE = 16;

export interface ListOptions {
  readonly environment: string;
  readonly cluster?: string | undefined;
  readonly json: boolean;
}

/**
 * `holdfast list`
 *
 * @throws HoldfastError CLUSTER_UNKNOWN when there is no such cluster, and never was one
 */
export async function list({ environment, cluster, json }: ListOptions, io: Io): Promise<void> {
  const vault = await io.services.openVault(environment);
  const clusters = cluster === undefined ? await listClusters(vault) : [cluster];
  const entries: CatalogEntry[] = [];
  const warnings: string[] = [];
  for (const name of clusters) {
    const listing = await listBackups(vault, name);
    entries.push(...listing.entries);
    warnings.push(...listing.warnings);
  }
  const configured = await io.services.configuredClusters(environment);
  if (cluster !== undefined && entries.length === 0 && !configured.has(cluster)) {
    const there = await listClusters(vault);
    if (!there.includes(cluster)) throw unknown(cluster, [...configured.keys(), ...there]);
  }
  const backups = await readAll(vault, entries, io);
  if (json) {
    const all = [...new Set([...clusters, ...(cluster === undefined ? configured.keys() : [])])];
    const standing = all.sort().map((name) => ({ name, state: standingOf(name, configured) }));
    const document = { clusters: standing, backups, warnings };
    io.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    return;
  }
  if (backups.length === 0) {
    const of = cluster === undefined ? '' : ` of the cluster "${cluster}"`;
    io.stdout.write(`The vault holds no backup${of}.\n`);
  } else {
    io.stdout.write(formatTable([HEAD, ...backups.map((backup) => row(backup, configured))]));
  }
  for (const { cluster: of, label, warnings: found } of backups) {
    for (const warning of found) io.stderr.write(`warning: ${of}, ${label}: ${warning}\n`);
  }
  for (const warning of warnings) io.stderr.write(`warning: ${warning}\n`);
}

/** A typing error must not look like a cluster without backups. */
function unknown(cluster: string, names: readonly string[]): HoldfastError {
  const known = [...new Set(names)].sort().join(', ');
  return new HoldfastError(
    'CLUSTER_UNKNOWN',
    `There is no cluster "${cluster}": it is not configured, and the vault has nothing of it.`,
    { hint: known === '' ? 'There is none here yet.' : `Use one of these: ${known}` },
  );
}

const HEAD = [
  'LABEL',
  'CLUSTER',
  'AGE',
  'DATA AS OF',
  'SOURCE',
  'DATABASES',
  'SIZE',
  'STORED',
  'LOCKED UNTIL',
  'WARNINGS',
];

function row(backup: BackupSummary, configured: ReadonlyMap<string, ClusterState>): string[] {
  const cluster = describeCluster(backup.cluster, standingOf(backup.cluster, configured));
  const warnings = backup.warnings.length === 0 ? '-' : String(backup.warnings.length);
  if (backup.ageSeconds === null) {
    return [backup.label, cluster, '?', '?', '?', '?', '?', '?', '?', warnings];
  }
  return [
    backup.label,
    cluster,
    formatSeconds(backup.ageSeconds),
    formatInstant(backup.dataAsOf),
    backup.source ?? '?',
    names(backup.databases),
    formatBytes(backup.sourceBytes),
    formatBytes(backup.storedBytes),
    formatInstant(backup.lockedUntil),
    warnings,
  ];
}

function names(databases: readonly string[]): string {
  const shown = databases.slice(0, 3).join(', ');
  return databases.length > 3 ? `${shown} and ${databases.length - 3} more` : shown;
}

/** One unreadable manifest must not hide the others: it becomes a row with a warning. */
async function readAll(
  vault: VaultReader,
  entries: readonly CatalogEntry[],
  io: Io,
): Promise<BackupSummary[]> {
  const summaries: BackupSummary[] = [];
  const now = io.now();
  for (let at = 0; at < entries.length; at += AT_ONCE) {
    io.signal.throwIfAborted();
    summaries.push(
      ...(await Promise.all(
        entries.slice(at, at + AT_ONCE).map(async (entry) => {
          try {
            return summarize(entry, await readManifest(vault, entry), now);
          } catch (error) {
            if (!(error instanceof HoldfastError) || !isAboutOneBackup(error)) throw error;
            return summarizeUnreadable(entry, error.message);
          }
        }),
      )),
    );
  }
  return summaries;
}

function isAboutOneBackup({ code }: HoldfastError): boolean {
  return code === 'MANIFEST_INVALID' || code === 'VAULT_INTEGRITY';
}
