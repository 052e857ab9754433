import type { PhysicalManifest } from '../contract/physical-manifest.ts';
import { formatBytes, formatInstant } from './format.ts';

/** What `show` tells of a physical backup alone. */
export function physicalFacts(manifest: PhysicalManifest): [string, string][] {
  const { chain, start, stop, files, tablespaces, damage } = manifest;
  return [
    ['Rests on', chain.length === 0 ? 'nothing' : chain.join(', ')],
    [
      'WAL needed',
      `from ${start.lsn} on timeline ${start.timeline} to ${stop.lsn} on timeline ${stop.timeline}, ${manifest.wal === 'stream' ? 'in the backup' : 'in the WAL archive'}`,
    ],
    ['Restorable to', `${formatInstant(stop.at)} (${stop.lsn}) and later`],
    ['Files', `${files.count}, ${formatBytes(files.bytes)}; ${manifest.compression}`],
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
