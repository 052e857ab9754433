import type { Manifest } from '../contract/manifest.ts';
import { readManifest } from '../vault/catalog.ts';
import { describeDatabases, logicalFacts } from './describe-logical.ts';
import { describePhysicalDatabases, physicalFacts } from './describe-physical.ts';
import { formatBytes, formatInstant, formatSeconds, formatTable } from './format.ts';
import type { Io } from './io.ts';
import { findKnownBackup } from './known-backup.ts';
import { relativesOf } from './relatives.ts';
import { databasesOf, sum } from './summarize.ts';

export interface ShowOptions {
  readonly environment: string;
  readonly cluster: string;
  readonly label: string;
  readonly json: boolean;
}

/** `holdfast show` */
export async function show(options: ShowOptions, io: Io): Promise<void> {
  const vault = await io.services.openVault(options.environment);
  const entry = await findKnownBackup(vault, options, io);
  const manifest = await readManifest(vault, entry);
  const relatives = manifest.kind === 'physical' ? await relativesOf(vault, manifest, io) : null;
  const warnings = [...entry.warnings, ...manifest.warnings, ...(relatives?.warnings ?? [])];
  if (options.json) {
    const chain = relatives === null ? {} : { children: relatives.children };
    const document = { manifest, key: entry.key, ...chain, warnings };
    io.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    return;
  }
  io.stdout.write(describe(manifest, relatives?.children ?? [], warnings, io.now()));
}

function describe(
  manifest: Manifest,
  children: readonly string[],
  warnings: readonly string[],
  now: Date,
): string {
  const { source, lock, versions, encryption } = manifest;
  const age = formatSeconds((now.getTime() - Date.parse(manifest.finishedAt)) / 1000);
  const took = (Date.parse(manifest.finishedAt) - Date.parse(manifest.startedAt)) / 1000;
  const lag =
    source.replayLagSeconds === null
      ? 'unknown lag'
      : `${formatSeconds(source.replayLagSeconds)} behind`;
  const program =
    'pgDump' in versions ? `pg_dump ${versions.pgDump}` : `pg_basebackup ${versions.pgBasebackup}`;
  const databases =
    manifest.kind === 'logical' ? describeDatabases(manifest) : describePhysicalDatabases(manifest);
  const facts: [string, string][] = [
    ['Backup', manifest.label],
    ['Cluster', `${manifest.cluster}, environment ${manifest.environment}`],
    ['Kind', `${manifest.kind}, ${manifest.type}`],
    ['Asked for by', askedBy(manifest)],
    ['Finished', `${formatInstant(manifest.finishedAt)}, ${age} ago, took ${formatSeconds(took)}`],
    [
      'Source',
      `${source.role} ${source.host}:${source.port}${source.role === 'replica' ? `, ${lag}` : ''}`,
    ],
    [
      'Server',
      `PostgreSQL ${source.serverVersion}, system ${source.systemIdentifier}, timeline ${source.timeline}, at WAL position (LSN) ${source.lsn}, sslmode ${source.sslmode}`,
    ],
    [
      manifest.kind === 'logical' ? 'Dump runs' : 'Runs',
      [
        `${manifest.attempts} within this backup, the last one counts`,
        ...manifest.tried.map(({ host, port, code }) => `${host}:${port} in vain (${code})`),
      ].join('; '),
    ],
    ['Stored', stored(manifest)],
    [
      'Encrypted',
      `${encryption.format}, ${encryption.algorithmSuite}, key ${encryption.kmsKeyArn}`,
    ],
    ['Locked', `${lock.mode}, until ${formatInstant(lock.retainUntil)}`],
    ...(manifest.kind === 'logical' ? logicalFacts(manifest) : physicalFacts(manifest, children)),
    [
      'Durations',
      Object.entries(manifest.durations)
        .map(([stage, seconds]) => `${stage} ${formatSeconds(seconds)}`)
        .join(', ') || 'unknown',
    ],
    [
      'Written by',
      `Holdfast ${versions.holdfast}, ${program}, Node ${versions.node}; peak ${formatBytes(manifest.peak.rssBytes)} of memory, ${formatBytes(manifest.peak.spoolBytes)} of spool`,
    ],
  ];
  const notIncluded = manifest.notIncluded.map(
    ({ what, why, database }) => `${database === undefined ? '' : `${database}: `}${what} (${why})`,
  );
  return [
    formatTable(facts.map(([name, value]) => [`${name}:`, value])),
    `\nDatabases:\n${databases}`,
    `\nNot inside:\n${lines(notIncluded)}`,
    `\nWarnings:\n${lines(warnings)}`,
  ].join('');
}

function askedBy({ request: { askedBy } }: Manifest): string {
  return askedBy.by === 'schedule'
    ? `schedule ${askedBy.schedule}, ${formatInstant(askedBy.scheduledTime)}`
    : `a person, request ${askedBy.requestId}, ${formatInstant(askedBy.requestedAt)}`;
}

function stored(manifest: Manifest): string {
  const before = formatBytes(sum(databasesOf(manifest).map(({ sizeBytes }) => sizeBytes)));
  const after = formatBytes(sum(manifest.artifacts.map(({ cipher }) => cipher.bytes)));
  return `${after} in ${manifest.artifacts.length} objects, from ${before} of databases`;
}

function lines(texts: readonly string[]): string {
  return texts.length === 0 ? '  none\n' : texts.map((text) => `  ${text}\n`).join('');
}
