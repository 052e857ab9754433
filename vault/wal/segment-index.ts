import { microsecondsOf } from '../../contract/microseconds.ts';
import type { PathStep } from '../../contract/wal-coverage.ts';
import type { WalIndex } from '../../contract/wal-object.ts';
import { segmentAt, segmentName, segmentStart } from '../../contract/wal-segments.ts';
import type { ListedObject } from '../listed-objects.ts';
import type { VaultReader } from '../vault-reader.ts';
import { readWalObject, type WalReader } from './fetch-wal.ts';
import { indexSegment } from './index-segment.ts';
import { parseIndexText } from './index-text.ts';
import type { WalCatalog } from './wal-catalog.ts';
import { headWal } from './wal-head.ts';

/** Heads that are asked for at a time. */
const AT_ONCE = 32;

/** A whole segment on the path of a recovery. */
export interface PathSegment {
  readonly name: string;
  readonly timeline: number;
  readonly number: number;
  /** Where it begins. */
  readonly start: bigint;
  readonly object: ListedObject;
  /** The whole segment before it, in which its first record may begin. */
  readonly before: ListedObject | undefined;
}

export interface IndexedSegment extends PathSegment {
  readonly systemIdentifier: string;
  /** `undefined`: what lies in it was not understood, or not all of it was there to be looked at. */
  readonly index: WalIndex | undefined;
}

/** Where a recovery is to end, by what WAL says of itself. */
export type WalTarget =
  /** Microseconds since 1970, and whether what ended in that very one is still replayed. */
  | { readonly time: bigint; readonly inclusive: boolean }
  /** As the server shows it in `pg_current_xact_id()`, or its lower 32 bits. */
  | { readonly xid: bigint }
  | { readonly name: string };

export interface TargetSearch {
  /**
   * The first segment that recovery would stop in: that has a commit after the time, transactions
   * around the id, or the restore point. `undefined`: none that has an index.
   */
  readonly segment: IndexedSegment | undefined;
  /** Of a restore point. */
  readonly lsn: string | undefined;
  /** The last commit before, of the segments that were looked at. */
  readonly lastCommit: { readonly at: string; readonly lsn: string | null } | undefined;
  /** Segments whose index is missing or lacks something that were passed: recovery may stop in one of them. */
  readonly unindexed: number;
  /** Segments that have more restore points than their index has room for. */
  readonly incomplete: number;
}

/**
 * The whole segments that recovery along a path reads, in order. Where a timeline was left its last
 * segment is the next timeline's, if that has one.
 *
 * @param from a position in the first one.
 */
export function segmentsAlong(
  { timelines, segmentBytes }: WalCatalog,
  path: readonly PathStep[],
  from: bigint,
): PathSegment[] {
  const byNumber = new Map<number, Omit<PathSegment, 'before'>>();
  const lowest = segmentAt(from, segmentBytes);
  let begin = from;
  for (const { timeline, until } of path) {
    const segments = timelines.find((one) => one.timeline === timeline)?.segments ?? new Map();
    const first = begin > from ? segmentAt(begin, segmentBytes) : lowest - 1;
    const last = until === undefined ? Number.POSITIVE_INFINITY : segmentAt(until, segmentBytes);
    for (const [number, object] of segments) {
      if (number < first || number > last) continue;
      const name = segmentName({ timeline, number }, segmentBytes);
      const start = segmentStart(number, segmentBytes);
      byNumber.set(number, { name, timeline, number, start, object });
    }
    begin = until ?? begin;
  }
  return [...byNumber.values()]
    .filter(({ number }) => number >= lowest)
    .sort((a, b) => a.number - b.number)
    .map((segment) => ({ ...segment, before: byNumber.get(segment.number - 1)?.object }));
}

/**
 * What segments say of themselves, in the order given: a request for each, many at a time.
 *
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function* readIndexes(
  vault: VaultReader,
  segments: readonly PathSegment[],
  signal?: AbortSignal,
): AsyncGenerator<IndexedSegment> {
  for (let at = 0; at < segments.length; at += AT_ONCE) {
    signal?.throwIfAborted();
    yield* await Promise.all(
      segments.slice(at, at + AT_ONCE).map(async (segment) => {
        const { metadata } = await headWal(vault, segment.object);
        const index = metadata.index === undefined ? undefined : parseIndexText(metadata.index);
        return { ...segment, systemIdentifier: metadata['system-identifier'], index };
      }),
    );
  }
}

/**
 * Looks for where a recovery would stop. Commit times need not grow, so that every segment up to there
 * is asked, in order: a search by halves would miss one that a clock set back has put earlier. Where an
 * index lacks the segment's first record, the segment itself is read.
 *
 * @param segments from the base backup's end on.
 * @param holds whether a segment that its index does not exclude holds the target.
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function findTarget(
  reader: WalReader,
  segments: readonly PathSegment[],
  target: WalTarget,
  holds: (segment: PathSegment) => Promise<boolean> = async () => true,
): Promise<TargetSearch> {
  let lastCommit: TargetSearch['lastCommit'];
  let unindexed = 0;
  let incomplete = 0;
  for await (const segment of readIndexes(reader.vault, segments, reader.signal)) {
    let { index } = segment;
    let found = index && stopsIn(index, target);
    if (found === undefined && index?.lacksFirst) {
      index = await indexAnew(reader, segment);
      found = index && stopsIn(index, target);
    }
    if (found !== undefined && (await holds(segment))) {
      return { segment, lsn: found.lsn, lastCommit, unindexed, incomplete };
    }
    if (index === undefined || index.lacksFirst) unindexed += 1;
    if (index === undefined) continue;
    if (index.moreRestorePoints > 0) incomplete += 1;
    if (index.lastCommitAt !== null) {
      lastCommit = { at: index.lastCommitAt, lsn: index.lastCommitLsn };
    }
  }
  return { segment: undefined, lsn: undefined, lastCommit, unindexed, incomplete };
}

/** What lies in a segment, by its own bytes and those of the one before it. */
async function indexAnew(
  reader: WalReader,
  { name, object, before }: PathSegment,
): Promise<WalIndex | undefined> {
  const bytes = await bytesOf(reader, object);
  return await indexSegment(name, bytes, async () => before && (await bytesOf(reader, before)));
}

async function bytesOf(reader: WalReader, object: ListedObject): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of readWalObject(reader, object)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/**
 * The last commit that the index of any of the segments has, from their end on.
 *
 * @param atMost segments that are asked.
 */
export async function lastCommitOf(
  vault: VaultReader,
  segments: readonly PathSegment[],
  atMost: number,
): Promise<TargetSearch['lastCommit']> {
  const newest = segments.slice(-atMost).reverse();
  for await (const { index } of readIndexes(vault, newest)) {
    if (index !== undefined && index.lastCommitAt !== null) {
      return { at: index.lastCommitAt, lsn: index.lastCommitLsn };
    }
  }
  return undefined;
}

/**
 * Whether a recovery to a time stops before a transaction that ended at an instant.
 *
 * @see https://github.com/postgres/postgres/blob/REL_17_STABLE/src/backend/access/transam/xlogrecovery.c
 */
export function stopsAt(
  instant: string,
  { time, inclusive }: Extract<WalTarget, { time: bigint }>,
): boolean {
  const at = microsecondsOf(instant);
  return inclusive ? at > time : at >= time;
}

function stopsIn(
  index: WalIndex,
  target: WalTarget,
): { readonly lsn: string | undefined } | undefined {
  if ('name' in target) {
    return index.restorePoints.find(({ name }) => name === target.name);
  }
  if ('time' in target) {
    const { lastCommitAt } = index;
    const stops = lastCommitAt !== null && stopsAt(lastCommitAt, target);
    return stops ? { lsn: undefined } : undefined;
  }
  if (index.xids === null) return undefined;
  const xid = Number(target.xid & 0xffff_ffffn);
  const [first, last] = index.xids;
  // A range in which the counter began anew ends below where it began.
  const within = first <= last ? first <= xid && xid <= last : xid >= first || xid <= last;
  return within ? { lsn: undefined } : undefined;
}
