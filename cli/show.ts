import {
  type DatabaseEntry,
  type DumpAll,
  type Manifest,
  streamsOf,
} from '../contract/manifest.ts';
import { findBackup, readManifest } from '../vault/catalog.ts';
import { formatBytes, formatInstant, formatSeconds, formatTable } from './format.ts';
import type { Io } from './io.ts';
import { sum } from './summarize.ts';

export interface ShowOptions {
  readonly environment: string;
  readonly cluster: string;
  readonly label: string;
  readonly json: boolean;
}

/** `holdfast show` */
export async function show(options: ShowOptions, io: Io): Promise<void> {
  const vault = await io.services.openVault(options.environment);
  const entry = await findBackup(vault, options.cluster, options.label);
  const manifest = await readManifest(vault, entry);
  const warnings = [...entry.warnings, ...manifest.warnings];
  if (options.json) {
    io.stdout.write(`${JSON.stringify({ manifest, key: entry.key, warnings }, null, 2)}\n`);
    return;
  }
  io.stdout.write(describe(manifest, warnings, io.now()));
}

function describe(manifest: Manifest, warnings: readonly string[], now: Date): string {
  const { source, lock, versions, encryption } = manifest;
  const age = formatSeconds((now.getTime() - Date.parse(manifest.finishedAt)) / 1000);
  const took = (Date.parse(manifest.finishedAt) - Date.parse(manifest.startedAt)) / 1000;
  const lag =
    source.replayLagSeconds === null
      ? 'unknown lag'
      : `${formatSeconds(source.replayLagSeconds)} behind`;
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
      'Same instant',
      manifest.commonPoint === null
        ? 'no: each database is as of an instant of its own, see "data as of"'
        : `yes: all databases are as of WAL position (LSN) ${manifest.commonPoint.lsn}, where replay was paused at ${formatInstant(manifest.commonPoint.pausedAt)}`,
    ],
    [
      'Dump runs',
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
    [
      'Globals',
      `${formatBytes(manifest.globals.bytes)} in ${manifest.globals.artifacts.join(', ')}, ${manifest.globals.rolePasswords ? 'with' : 'without'} role passwords`,
    ],
    [
      'Durations',
      Object.entries(manifest.durations)
        .map(([stage, seconds]) => `${stage} ${formatSeconds(seconds)}`)
        .join(', ') || 'unknown',
    ],
    [
      'Written by',
      `Holdfast ${versions.holdfast}, pg_dump ${versions.pgDump}, Node ${versions.node}; peak ${formatBytes(manifest.peak.rssBytes)} of memory, ${formatBytes(manifest.peak.spoolBytes)} of spool`,
    ],
  ];
  const notIncluded = manifest.notIncluded.map(
    ({ what, why, database }) => `${database === undefined ? '' : `${database}: `}${what} (${why})`,
  );
  return [
    formatTable(facts.map(([name, value]) => [`${name}:`, value])),
    `\nDatabases:\n${describeDatabases(manifest)}`,
    `\nNot inside:\n${lines(notIncluded)}`,
    `\nWarnings:\n${lines(warnings)}`,
  ].join('');
}

function describeDatabases({ databases, dumpAll }: Manifest): string {
  return [
    ...databases.map(describeDatabase),
    ...(dumpAll === null ? [] : [describeAll(dumpAll)]),
  ].join('');
}

function describeDatabase(database: DatabaseEntry): string {
  const extensions = database.extensions
    .map(({ name, version }) => `${name} ${version}`)
    .join(', ');
  const bytes = formatBytes(sum(streamsOf(database).map((stream) => stream.bytes)));
  return [
    `  ${database.name}: ${formatBytes(database.sizeBytes)}, owner ${database.owner}, ${database.encoding}, ${database.collate}`,
    `    data as of ${formatInstant(database.dataAsOf)} (snapshot ${formatInstant(database.snapshotAt)} at ${database.snapshotLsn})`,
    `    ${contentsOf(database)}dump of ${bytes}, format ${database.format}, ${database.compression}`,
    `    extensions: ${extensions || 'none'}`,
    '',
  ].join('\n');
}

/** Plain SQL cannot be counted. */
function contentsOf(database: DatabaseEntry): string {
  if (database.format === 'plain') return '';
  const { tableData, largeObjects } = database.contents;
  return `${tableData} tables with data, ${largeObjects} large objects; `;
}

function describeAll(dumpAll: DumpAll): string {
  return [
    `  all in one: ${dumpAll.databases.map(({ name, sizeBytes }) => `${name} (${formatBytes(sizeBytes)})`).join(', ')}`,
    `    data as of ${formatInstant(dumpAll.dataAsOf)} or later, each database under a snapshot of its own`,
    `    dump of ${formatBytes(dumpAll.bytes)}, format dumpall, ${dumpAll.compression}; to be restored by hand`,
    '',
  ].join('\n');
}

function askedBy({ request: { askedBy } }: Manifest): string {
  return askedBy.by === 'schedule'
    ? `schedule ${askedBy.schedule}, ${formatInstant(askedBy.scheduledTime)}`
    : `a person, request ${askedBy.requestId}, ${formatInstant(askedBy.requestedAt)}`;
}

function stored({ artifacts, databases, dumpAll }: Manifest): string {
  const dumped = dumpAll?.databases ?? databases;
  const before = formatBytes(sum(dumped.map(({ sizeBytes }) => sizeBytes)));
  const after = formatBytes(sum(artifacts.map(({ cipher }) => cipher.bytes)));
  return `${after} in ${artifacts.length} objects, from ${before} of databases`;
}

function lines(texts: readonly string[]): string {
  return texts.length === 0 ? '  none\n' : texts.map((text) => `  ${text}\n`).join('');
}
