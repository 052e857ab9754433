import type { PhysicalOptions } from '../../../contract/physical-options.ts';
import { KEEP_ALIVES } from '../keep-alive.ts';

/** What pg_basebackup takes for `--max-rate`, KiB a second. */
const RATE_KIB = { least: 32, most: 1024 * 1024 } as const;

export interface BaseTarget {
  /** Empty, or not there. */
  readonly directory: string;
  readonly label: string;
  /** What the server may send in a second, MiB; 0 is no limit. */
  readonly maxRateMiBPerSecond: number;
  /** Whether a temporary slot holds the WAL on the server meanwhile. */
  readonly slot: boolean;
  /** Whether a page with a wrong checksum makes it fail. */
  readonly verifyChecksums: boolean;
  /** Path of the parent's `backup_manifest`; `undefined`: a full backup. */
  readonly parentManifest: string | undefined;
}

/** `pg_basebackup` of a whole server into tars. */
export function baseArguments(options: PhysicalOptions, target: BaseTarget): string[] {
  const stream = options.wal === 'stream';
  return [
    '--format=tar',
    `--pgdata=${target.directory}`,
    `--wal-method=${stream ? 'stream' : 'none'}`,
    ...(stream && !target.slot ? ['--no-slot'] : []),
    `--checkpoint=${options.checkpoint}`,
    `--label=${target.label}`,
    `--compress=${compression(options)}`,
    '--manifest-checksums=SHA256',
    // Each file is opened once, and not again for an fsync of what is uploaded by then.
    '--no-sync',
    // What it wrote is ours to remove.
    '--no-clean',
    ...maxRate(target.maxRateMiBPerSecond),
    ...(target.verifyChecksums ? [] : ['--no-verify-checksums']),
    ...(target.parentManifest === undefined ? [] : [`--incremental=${target.parentManifest}`]),
    '--no-password',
    `--dbname=${KEEP_ALIVES}`,
  ];
}

/** The level is told in full: what stands for `client-zstd:1` differs between majors. */
function compression({ compression: how, compressOn }: PhysicalOptions): string {
  const [algorithm = 'none', level] = how.split(':');
  if (algorithm === 'none') return 'none';
  return `${compressOn}-${algorithm}${level === undefined ? '' : `:level=${level}`}`;
}

function maxRate(mibPerSecond: number): string[] {
  const kib = mibPerSecond * 1024;
  // Faster than it can be told is no limit.
  if (kib === 0 || kib > RATE_KIB.most) return [];
  return [`--max-rate=${Math.max(kib, RATE_KIB.least)}k`];
}
