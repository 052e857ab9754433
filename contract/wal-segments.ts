import { HoldfastError } from './errors.ts';
import { Lsn } from './physical-manifest.ts';

/**
 * A segment file holds WAL from a multiple of its size on. Its name is three numbers of eight
 * hexadecimal digits: timeline, the position's upper half, and which segment of that half's 4 GiB.
 *
 * @see https://www.postgresql.org/docs/current/wal-internals.html
 */
const NAME = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})$/;
const HALF = 0x1_0000_0000;

/** The size of a server's segments unless `initdb --wal-segsize` said otherwise, bytes. */
export const DEFAULT_SEGMENT_BYTES = 16 * 1024 * 1024;

/** A segment, apart from what is in it. */
export interface SegmentPlace {
  readonly timeline: number;
  /** Counted from the beginning of WAL: the next segment's is one more. */
  readonly number: number;
}

/**
 * A position in the WAL as a number of bytes.
 *
 * @throws HoldfastError REQUEST_INVALID
 */
export function parseLsn(text: string): bigint {
  const upper = text.toUpperCase();
  if (!Lsn.safeParse(upper).success) {
    throw new HoldfastError('REQUEST_INVALID', `"${text}" is no position in the WAL.`, {
      hint: 'Write it as PostgreSQL does, such as 0/3000028.',
    });
  }
  const [high = '', low = ''] = upper.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

/** As PostgreSQL prints it: `0/3000028`. */
export function formatLsn(lsn: bigint): string {
  const hex = (half: bigint) => half.toString(16).toUpperCase();
  return `${hex(lsn >> 32n)}/${hex(lsn & 0xffff_ffffn)}`;
}

/** @param segmentBytes the server's `wal_segment_size`, a power of 2 from 1 MiB to 1 GiB. */
export function segmentAt(lsn: bigint, segmentBytes: number): number {
  return Number(lsn / BigInt(segmentBytes));
}

/** Where a segment begins; the one before ends there. */
export function segmentStart(number: number, segmentBytes: number): bigint {
  return BigInt(number) * BigInt(segmentBytes);
}

export function segmentName({ timeline, number }: SegmentPlace, segmentBytes: number): string {
  const perHalf = HALF / segmentBytes;
  return [timeline, Math.floor(number / perHalf), number % perHalf].map(hex8).join('');
}

/** Takes a segment's name apart; `undefined` if it is none of a server with segments of that size. */
export function parseSegmentName(name: string, segmentBytes: number): SegmentPlace | undefined {
  const match = NAME.exec(name);
  if (match === null) return undefined;
  const [timeline = 0, half = 0, within = 0] = match
    .slice(1)
    .map((hex) => Number.parseInt(hex, 16));
  const perHalf = HALF / segmentBytes;
  if (timeline === 0 || within >= perHalf) return undefined;
  return { timeline, number: half * perHalf + within };
}

/**
 * The segment after this one on the same timeline, or with `by` another one.
 *
 * @throws HoldfastError REQUEST_INVALID when that is no segment's name
 */
export function nextSegment(name: string, segmentBytes: number, by = 1): string {
  const place = parseSegmentName(name, segmentBytes);
  if (place === undefined || place.number + by < 0) {
    throw new HoldfastError(
      'REQUEST_INVALID',
      `"${name}" has no neighbour among WAL segments of ${segmentBytes} bytes.`,
      { hint: "Look at the name, and at the server's wal_segment_size." },
    );
  }
  return segmentName({ ...place, number: place.number + by }, segmentBytes);
}

export function previousSegment(name: string, segmentBytes: number): string {
  return nextSegment(name, segmentBytes, -1);
}

export function historyName(timeline: number): string {
  return `${hex8(timeline)}.history`;
}

/** What PostgreSQL asks an archive for, and gives to one. */
export type WalFileName =
  | { readonly is: 'segment' | 'partial' | 'backup'; readonly segment: string }
  | { readonly is: 'history'; readonly timeline: number };

/** Takes a WAL file's name apart; `undefined` if PostgreSQL gives none such. */
export function parseWalFileName(name: string): WalFileName | undefined {
  const match = /^([0-9A-F]{24})(\.partial|\.[0-9A-F]{8}\.backup)?$/.exec(name);
  const [, segment, kind = ''] = match ?? [];
  if (segment !== undefined) {
    if (kind === '') return { is: 'segment', segment };
    return { is: kind === '.partial' ? 'partial' : 'backup', segment };
  }
  const history = /^([0-9A-F]{8})\.history$/.exec(name)?.[1];
  if (history === undefined) return undefined;
  return { is: 'history', timeline: Number.parseInt(history, 16) };
}

function hex8(value: number): string {
  return value.toString(16).toUpperCase().padStart(8, '0');
}
