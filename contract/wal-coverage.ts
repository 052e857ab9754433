import type { TimelineSwitch } from './timeline-history.ts';
import { segmentAt, segmentName, segmentStart } from './wal-segments.ts';

/** WAL that is there without a gap: from the first byte to the one before `to`. */
export interface WalRange {
  readonly from: bigint;
  readonly to: bigint;
}

/** WAL that is not there, between what is. */
export interface WalGap extends WalRange {
  readonly timeline: number;
  /** Names of the first and the last segment that are missing or incomplete. */
  readonly first: string;
  readonly last: string;
  readonly segments: number;
}

/** What of a timeline is there. */
export interface TimelineCoverage {
  readonly timeline: number;
  /** Apart, ascending. */
  readonly ranges: readonly WalRange[];
}

/** How far pieces that are given by their offsets reach without a gap from 0 on. */
export function reachOf(pieces: readonly { readonly from: number; readonly to: number }[]): number {
  let reach = 0;
  for (const { from, to } of pieces.toSorted((a, b) => a.from - b.from)) {
    if (from > reach) break;
    reach = Math.max(reach, to);
  }
  return reach;
}

/**
 * Joins whole segments, and the beginnings of those that are not, to ranges.
 *
 * @param whole numbers of segments, in any order.
 * @param open bytes from the segment's start on that are there, by number.
 */
export function rangesOf(
  whole: Iterable<number>,
  open: ReadonlyMap<number, number>,
  segmentBytes: number,
): WalRange[] {
  const reaches = new Map(open);
  for (const number of whole) reaches.set(number, segmentBytes);
  const pieces = [...reaches]
    .filter(([, reach]) => reach > 0)
    .sort(([a], [b]) => a - b)
    .map(([number, reach]) => {
      const from = segmentStart(number, segmentBytes);
      return { from, to: from + BigInt(reach) };
    });
  return joined(pieces);
}

/** Adjacent and overlapping ranges as one. */
export function joined(ranges: readonly WalRange[]): WalRange[] {
  const all: { from: bigint; to: bigint }[] = [];
  for (const { from, to } of ranges.toSorted((a, b) => (a.from < b.from ? -1 : 1))) {
    const last = all.at(-1);
    if (last === undefined || from > last.to) all.push({ from, to });
    else if (to > last.to) last.to = to;
  }
  return all;
}

/** What is missing between a timeline's ranges. */
export function gapsOf({ timeline, ranges }: TimelineCoverage, segmentBytes: number): WalGap[] {
  return ranges.slice(1).map((next, at) => {
    const from = ranges[at]?.to ?? 0n;
    return gapBetween(timeline, from, next.from, segmentBytes);
  });
}

/** WAL of a timeline that is missing from one position to another. */
export function gapBetween(
  timeline: number,
  from: bigint,
  to: bigint,
  segmentBytes: number,
): WalGap {
  const first = segmentAt(from, segmentBytes);
  const last = Math.max(first, segmentAt(to - 1n, segmentBytes));
  const name = (number: number) => segmentName({ timeline, number }, segmentBytes);
  return { timeline, from, to, first: name(first), last: name(last), segments: last - first + 1 };
}

/**
 * How far WAL reaches from a position on without a gap; the position itself when there is none.
 *
 * @param ranges apart, ascending.
 */
export function reachFrom(ranges: readonly WalRange[], position: bigint): bigint {
  const range = ranges.find(({ from, to }) => from <= position && position < to);
  return range?.to ?? position;
}

/** A timeline and its ancestors, each with where it ends: what recovery along that timeline reads. */
export interface PathStep {
  readonly timeline: number;
  /** Where the next timeline begins; `undefined`: the last one. */
  readonly until: bigint | undefined;
}

/** @param history ancestors of the timeline, oldest first; none of timeline 1. */
export function pathTo(timeline: number, history: readonly TimelineSwitch[]): PathStep[] {
  return [
    ...history.map((one) => ({ timeline: one.timeline, until: one.switchLsn })),
    { timeline, until: undefined },
  ];
}
