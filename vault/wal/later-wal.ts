import { parseWalKey, walFileKey, walTimelinePrefix } from '../../contract/wal-keys.ts';
import {
  DEFAULT_SEGMENT_BYTES,
  parseSegmentName,
  segmentStart,
} from '../../contract/wal-segments.ts';
import { type ListedObject, listObjects } from '../listed-objects.ts';
import type { WalReader } from './fetch-wal.ts';
import { readTimelineHistory } from './read-history.ts';
import { listWalTimelines } from './wal-catalog.ts';
import { headWal } from './wal-head.ts';

/** WAL that comes after a segment. */
export interface LaterWal {
  /** The first of its keys: without what lies between, nobody gets there. */
  readonly key: string;
  /** How much of the segment is needed to get there, bytes from its start. */
  readonly needed: number;
  /** When it was stored; `undefined`: long after whatever comes before it. */
  readonly storedAt: Date | undefined;
}

/**
 * Whether the vault has WAL that follows on a segment, on its timeline or on one that left it later:
 * then a segment that is missing is a gap, and not the end.
 *
 * @param until what lies at or behind it is not needed. @default all is
 * @returns `undefined` when WAL ends here.
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function laterWal(
  reader: WalReader,
  segment: string,
  until?: bigint,
): Promise<LaterWal | undefined> {
  const segmentBytes = await segmentBytesOf(reader, segment);
  const place = parseSegmentName(segment, segmentBytes);
  if (place === undefined) return undefined;
  const start = segmentStart(place.number, segmentBytes);
  const most = until === undefined ? segmentBytes : Number(until - start);
  if (most <= 0) return undefined;
  const own = await firstAfter(reader, place.timeline, segment);
  if (own !== undefined) {
    return { key: own.key, needed: Math.min(segmentBytes, most), storedAt: own.lastModified };
  }
  for (const timeline of await timelinesAfter(reader, place.timeline)) {
    const history = (await readTimelineHistory(reader, timeline)) ?? [];
    const left = history.find((one) => one.timeline === place.timeline);
    if (left === undefined || left.switchLsn <= start) continue;
    const needed = Math.min(segmentBytes, most, Number(left.switchLsn - start));
    return { key: walTimelinePrefix(reader.cluster, timeline), needed, storedAt: undefined };
  }
  return undefined;
}

/** By a whole segment: the timeline's first, else that of another; PostgreSQL's default where there is none. */
async function segmentBytesOf({ vault, cluster }: WalReader, segment: string): Promise<number> {
  const bytesOf = async (timeline: number): Promise<number | undefined> => {
    const prefix = walTimelinePrefix(cluster, timeline);
    for await (const object of listObjects(vault, prefix, [], { onFolder: () => {} })) {
      if (parseWalKey(object.key)?.is !== 'segment') continue;
      return (await headWal(vault, object)).metadata.bytes;
    }
    return undefined;
  };
  const own = await bytesOf(Number.parseInt(segment.slice(0, 8), 16));
  if (own !== undefined) return own;
  // A timeline that has just begun has none yet.
  for (const timeline of await listWalTimelines(vault, cluster)) {
    const bytes = await bytesOf(timeline);
    if (bytes !== undefined) return bytes;
  }
  return DEFAULT_SEGMENT_BYTES;
}

/** A timeline's folder has segments first, in order, and the increments after them. */
async function firstAfter(
  { vault, cluster }: WalReader,
  timeline: number,
  segment: string,
): Promise<ListedObject | undefined> {
  const after = walFileKey(cluster, segment);
  const objects = listObjects(vault, walTimelinePrefix(cluster, timeline), [], { after });
  for await (const object of objects) {
    const found = parseWalKey(object.key);
    if (found === undefined || found.is === 'history' || found.is === 'partial') continue;
    if (found.segment > segment) return object;
  }
  return undefined;
}

async function timelinesAfter({ vault, cluster }: WalReader, timeline: number): Promise<number[]> {
  return (await listWalTimelines(vault, cluster)).filter((one) => one > timeline);
}
