import type { PhysicalManifest } from './physical-manifest.ts';
import {
  gapBetween,
  joined,
  type PathStep,
  reachFrom,
  type TimelineCoverage,
  type WalGap,
  type WalRange,
} from './wal-coverage.ts';
import { parseLsn, segmentAt, segmentStart } from './wal-segments.ts';

/** What of a base backup decides where recovery from it can begin. */
export type BaseOfWindow = Pick<
  PhysicalManifest,
  'label' | 'chain' | 'start' | 'stop' | 'wal' | 'damage'
> & { readonly server: Pick<PhysicalManifest['server'], 'dataChecksums'> };

/** A server can be brought to any point from `from` to `to`: each is a commit or what lies between two. */
export interface RecoverySpan {
  /** The end of its oldest base backup. */
  readonly from: { readonly lsn: bigint; readonly timeline: number; readonly at: string };
  /** The end of WAL that hangs together. */
  readonly to: { readonly lsn: bigint; readonly timeline: number };
  /** Labels, oldest first. */
  readonly bases: readonly string[];
}

export interface RecoveryWindow {
  /** From timeline to timeline, as recovery to the latest one goes. */
  readonly path: readonly PathStep[];
  /** Ascending, apart. */
  readonly spans: readonly RecoverySpan[];
  /** WAL that is missing after the oldest base backup. */
  readonly gaps: readonly WalGap[];
  /** Base backups that recovery along the path cannot begin with. */
  readonly unusable: readonly { readonly label: string; readonly why: string }[];
}

/**
 * To which points a cluster can be brought: from the end of its oldest base backup that is whole, along
 * the path to the newest timeline, as far as WAL hangs together; after a gap from the next base on.
 *
 * @param bases that are in the vault, in any order.
 */
export function recoveryWindow(
  path: readonly PathStep[],
  coverage: readonly TimelineCoverage[],
  bases: readonly BaseOfWindow[],
  segmentBytes: number,
): RecoveryWindow {
  const ranges = rangesAlong(path, coverage, segmentBytes);
  const unusable: { label: string; why: string }[] = [];
  const spans: RecoverySpan[] = [];
  for (const base of bases.toSorted(byStop)) {
    const why = whyNot(base, bases, path, ranges);
    if (why !== undefined) {
      unusable.push({ label: base.label, why });
      continue;
    }
    const lsn = parseLsn(base.stop.lsn);
    const last = spans.at(-1);
    if (last !== undefined && lsn <= last.to.lsn) {
      spans[spans.length - 1] = { ...last, bases: [...last.bases, base.label] };
      continue;
    }
    const to = reachFrom(ranges, lsn);
    const { timeline, at } = base.stop;
    spans.push({
      from: { lsn, timeline, at },
      to: { lsn: to, timeline: timelineAt(path, to) },
      bases: [base.label],
    });
  }
  return { path, spans, gaps: gapsAfter(spans[0]?.from.lsn, path, ranges, segmentBytes), unusable };
}

/** WAL that recovery along a path can read, as positions: each timeline up to where the next begins. */
export function rangesAlong(
  path: readonly PathStep[],
  coverage: readonly TimelineCoverage[],
  segmentBytes: number,
): WalRange[] {
  const clipped: WalRange[] = [];
  let begin = 0n;
  for (const { timeline, until } of path) {
    // A timeline's first segment begins with a copy of what the one before had of it.
    const from = segmentStart(segmentAt(begin, segmentBytes), segmentBytes);
    for (const range of coverage.find((one) => one.timeline === timeline)?.ranges ?? []) {
      const part = { ...range };
      if (part.from < from) part.from = from;
      if (until !== undefined && part.to > until) part.to = until;
      if (part.from < part.to) clipped.push(part);
    }
    begin = until ?? begin;
  }
  return joined(clipped);
}

/** The timeline that WAL up to a position belongs to. */
export function timelineAt(path: readonly PathStep[], lsn: bigint): number {
  const step = path.find(({ until }) => until === undefined || lsn <= until);
  return step?.timeline ?? path.at(-1)?.timeline ?? 1;
}

function whyNot(
  base: BaseOfWindow,
  bases: readonly BaseOfWindow[],
  path: readonly PathStep[],
  ranges: readonly WalRange[],
): string | undefined {
  for (const label of [base.label, ...base.chain]) {
    const member = bases.find((one) => one.label === label);
    if (member === undefined) return `it rests on ${label}, which is not in the vault`;
    if (member.damage.length > 0) {
      return label === base.label
        ? 'its pages are damaged'
        : `it rests on ${label}, which is damaged`;
    }
    if (label !== base.label && isGivenUp(member, path)) {
      return `it rests on ${label}, which was taken on timeline ${member.stop.timeline} after the server had left that`;
    }
    if (base.server.dataChecksums && !member.server.dataChecksums) {
      return `its pages have checksums, and those of ${label}, which it rests on, have none: combined, no server reads them`;
    }
  }
  const [start, stop] = [parseLsn(base.start.lsn), parseLsn(base.stop.lsn)];
  const step = path.find(({ timeline }) => timeline === base.stop.timeline);
  if (step === undefined || (step.until !== undefined && stop > step.until)) {
    return `it was taken on timeline ${base.stop.timeline} after the server had left that`;
  }
  if (base.wal === 'archive' && reachFrom(ranges, start) < stop) {
    return 'the WAL that makes it consistent is not in the archive';
  }
  return undefined;
}

/** Of a timeline that is not on the path, because its history is not in the vault, nothing is known. */
function isGivenUp({ stop }: BaseOfWindow, path: readonly PathStep[]): boolean {
  const until = path.find(({ timeline }) => timeline === stop.timeline)?.until;
  return until !== undefined && parseLsn(stop.lsn) > until;
}

function gapsAfter(
  from: bigint | undefined,
  path: readonly PathStep[],
  ranges: readonly WalRange[],
  segmentBytes: number,
): WalGap[] {
  const first = ranges[0];
  if (from === undefined || first === undefined) return [];
  const gaps: WalGap[] = [];
  // Where archiving began after the oldest base backup, nothing is missing that ever was there.
  let end = first.from > from ? first.to : reachFrom(ranges, from);
  for (const range of ranges) {
    if (range.to <= end) continue;
    if (range.from > end) {
      const timeline = timelineAt(path, range.from);
      gaps.push(gapBetween(timeline, end, range.from, segmentBytes));
    }
    end = range.to;
  }
  return gaps;
}

function byStop(a: BaseOfWindow, b: BaseOfWindow): number {
  return parseLsn(a.stop.lsn) < parseLsn(b.stop.lsn) ? -1 : 1;
}
