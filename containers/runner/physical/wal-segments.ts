import type { WalRange } from './check/backup-manifest.ts';

/** A position in the WAL as a number. */
export function lsnNumber(lsn: string): bigint {
  const [high = '', low = ''] = lsn.split('/');
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

/**
 * Names of the segments that hold a range of WAL.
 *
 * @param segmentBytes the server's `wal_segment_size`.
 */
export function segmentsOf({ timeline, start, end }: WalRange, segmentBytes: number): string[] {
  const size = BigInt(segmentBytes);
  const first = lsnNumber(start) / size;
  // The end is the first byte that is not needed.
  const last = (lsnNumber(end) - 1n) / size;
  const names: string[] = [];
  for (let number = first; number <= last; number += 1n) {
    names.push(segmentName(timeline, number, size));
  }
  return names;
}

function segmentName(timeline: number, number: bigint, size: bigint): string {
  const perFile = 0x1_0000_0000n / size;
  const hex8 = (value: bigint): string => value.toString(16).toUpperCase().padStart(8, '0');
  return `${hex8(BigInt(timeline))}${hex8(number / perFile)}${hex8(number % perFile)}`;
}
