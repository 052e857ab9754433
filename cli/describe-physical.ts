import type { PhysicalManifest } from '../contract/physical-manifest.ts';
import { formatBytes, formatInstant } from './format.ts';

/**
 * What `show` tells of a physical backup alone.
 *
 * @param children labels of the backups that rest on it.
 */
export function physicalFacts(
  manifest: PhysicalManifest,
  children: readonly string[],
): [string, string][] {
  const { chain, start, stop, files, tablespaces, damage } = manifest;
  return [
    [
      'Rests on',
      chain.length === 0 ? 'nothing: it is a full one' : chain.toReversed().join(', on '),
    ],
    ['Rested on by', children.join(', ') || 'nothing'],
    [
      'WAL needed',
      `from ${start.lsn} on timeline ${start.timeline} to ${stop.lsn} on timeline ${stop.timeline}, ${manifest.wal === 'stream' ? 'in the backup' : 'in the WAL archive'}`,
    ],
    ['Restorable to', `${formatInstant(stop.at)} (${stop.lsn}), and later as far as WAL goes`],
    ['Files', `${files.count}, ${formatBytes(files.bytes)}; ${manifest.compression}`],
    ['Checkpoint', manifest.checkpoint],
    [
      'Tablespaces',
      tablespaces.map(({ name, location }) => `${name} (${location})`).join(', ') || 'none',
    ],
    [
      'Damaged',
      damage.map(({ file, found }) => `${file}: ${found}`).join('; ') ||
        'no page with a bad checksum',
    ],
  ];
}

export function describePhysicalDatabases({ databases }: PhysicalManifest): string {
  return databases.map(({ name, sizeBytes }) => `  ${name}: ${formatBytes(sizeBytes)}\n`).join('');
}
