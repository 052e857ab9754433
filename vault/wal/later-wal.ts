import {
  parseWalKey,
  walFileKey,
  walIncrementsPrefix,
  walTimelinePrefix,
} from '../../contract/wal-keys.ts';
import { parseSegmentName, segmentStart } from '../../contract/wal-segments.ts';
import { type ListedObject, listObjects } from '../listed-objects.ts';
import type { WalReader } from './fetch-wal.ts';
import { readTimelineHistory } from './read-history.ts';
import { readSegmentBytes } from './segment-bytes.ts';
import { listWalTimelines } from './wal-catalog.ts';

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
  const ownTimeline = Number.parseInt(segment.slice(0, 8), 16);
  const segmentBytes = await readSegmentBytes(reader, ownTimeline);
  const place = parseSegmentName(segment, segmentBytes);
  if (place === undefined) return undefined;
  const start = segmentStart(place.number, segmentBytes);
  const most = until === undefined ? segmentBytes : Number(until - start);
  if (most <= 0) return undefined;
  const own = await firstAfter(reader, place.timeline, segment);
  if (own !== undefined) {
    return { key: own.key, needed: Math.min(segmentBytes, most), storedAt: own.lastModified };
  }
  const timelines = await listWalTimelines(reader.vault, reader.cluster);
  for (const timeline of timelines.filter((one) => one > place.timeline)) {
    const history = (await readTimelineHistory(reader, timeline)) ?? [];
    const left = history.find((one) => one.timeline === place.timeline);
    if (left === undefined || left.switchLsn <= start) continue;
    const needed = Math.min(segmentBytes, most, Number(left.switchLsn - start));
    return { key: walTimelinePrefix(reader.cluster, timeline), needed, storedAt: undefined };
  }
  return undefined;
}

/**
 * Whole segments first, and then increments of those that follow: of a segment that is whole its increments
 * stay, and to list those of a year takes minutes.
 */
async function firstAfter(
  { vault, cluster }: WalReader,
  timeline: number,
  segment: string,
): Promise<ListedObject | undefined> {
  const whole = listObjects(vault, walTimelinePrefix(cluster, timeline), [], {
    after: walFileKey(cluster, segment),
    onFolder: () => {},
  });
  for await (const object of whole) {
    const found = parseWalKey(object.key);
    if (found?.is !== 'segment' && found?.is !== 'backup') continue;
    if (found.segment > segment) return object;
  }
  const prefix = walIncrementsPrefix(cluster, timeline);
  // Sorts after everything below the segment's own folder.
  const open = listObjects(vault, prefix, [], { after: `${prefix}${segment}0` });
  for await (const object of open) {
    if (parseWalKey(object.key)?.is === 'increment') return object;
  }
  return undefined;
}
