import {
  type DatabaseEntry,
  type DumpAll,
  type LogicalManifest,
  streamsOf,
} from '../contract/logical-manifest.ts';
import { formatBytes, formatCount, formatInstant } from './format.ts';
import { sum } from './summarize.ts';

/** What `show` tells of a logical backup alone. */
export function logicalFacts({ commonPoint, globals }: LogicalManifest): [string, string][] {
  return [
    [
      'Same instant',
      commonPoint === null
        ? 'no: each database is as of an instant of its own, see "data as of"'
        : `yes: all databases are as of WAL position (LSN) ${commonPoint.lsn}, where replay was paused at ${formatInstant(commonPoint.pausedAt)}`,
    ],
    [
      'Globals',
      `${formatBytes(globals.bytes)} in ${globals.artifacts.join(', ')}, ${globals.rolePasswords ? 'with' : 'without'} role passwords`,
    ],
  ];
}

export function describeDatabases({ databases, dumpAll }: LogicalManifest): string {
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
  return `${formatCount(tableData, 'table')} with data, ${formatCount(largeObjects, 'large object')}; `;
}

function describeAll(dumpAll: DumpAll): string {
  return [
    `  all in one: ${dumpAll.databases.map(({ name, sizeBytes }) => `${name} (${formatBytes(sizeBytes)})`).join(', ')}`,
    `    data as of ${formatInstant(dumpAll.dataAsOf)} or later, each database under a snapshot of its own`,
    `    dump of ${formatBytes(dumpAll.bytes)}, format dumpall, ${dumpAll.compression}; to be restored by hand`,
    '',
  ].join('\n');
}
