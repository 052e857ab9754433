import { reachOf } from '../../contract/wal-coverage.ts';
import {
  parseWalKey,
  walFileKey,
  walIncrementsPrefix,
  walPrefix,
  walTimelinePrefix,
} from '../../contract/wal-keys.ts';
import {
  parseSegmentName,
  segmentAt,
  segmentName,
  segmentStart,
} from '../../contract/wal-segments.ts';
import { type ListedObject, listObjects } from '../listed-objects.ts';
import { listVersions } from '../object-versions.ts';
import type { VaultReader } from '../vault-reader.ts';

/**
 * Segments that a streamer has on their way at once, at most: what an interrupted one left out lies among
 * the last so many. A hole before them was told when it was made.
 */
export const MOST_AT_ONCE = 6;

/** How far a timeline's WAL in the vault reaches without a gap. */
export interface WalPosition {
  readonly timeline: number;
  readonly end: bigint;
  /** Some object of the timeline, whose metadata tell whose it is. */
  readonly sample: ListedObject;
}

export interface PositionOptions {
  readonly timeline: number;
  /** The server's `wal_segment_size`. Bytes. */
  readonly segmentBytes: number;
  /** Before it nothing is missing, by the word of a slot. @default - what the latest segments say */
  readonly from?: bigint | undefined;
}

/**
 * The timelines of which the vault holds anything, be it only where they come from. Ascending.
 *
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function listTimelines(vault: VaultReader, cluster: string): Promise<number[]> {
  const timelines: number[] = [];
  const onFolder = (folder: string): void => {
    timelines.push(Number.parseInt(folder.slice(walPrefix(cluster).length, -1), 16));
  };
  for await (const _ of listVersions(vault, walPrefix(cluster), { onFolder }));
  return timelines.filter((timeline) => timeline > 0).sort((a, b) => a - b);
}

/**
 * Where to go on with a timeline.
 *
 * @returns `undefined` when the vault has nothing of it from there on.
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function findWalPosition(
  vault: VaultReader,
  cluster: string,
  options: PositionOptions,
): Promise<WalPosition | undefined> {
  const { timeline, segmentBytes, from } = options;
  const first = from === undefined ? undefined : segmentAt(from, segmentBytes);
  const { whole, sample } = await wholeSegments(vault, cluster, options, first);
  const lowest = first ?? whole[0] ?? (await openSegments(vault, cluster, options))[0];
  if (lowest === undefined) return undefined;
  let missing = lowest;
  const there = new Set(whole);
  while (there.has(missing)) missing += 1;
  const open = await incrementsOf(vault, cluster, timeline, missing, segmentBytes);
  const found = open.sample ?? sample;
  if (found === undefined) return undefined;
  const end = segmentStart(missing, segmentBytes) + BigInt(open.reach);
  return { timeline, end, sample: found };
}

/** Numbers of whole segments, ascending: all from `first` on, or the latest. */
async function wholeSegments(
  vault: VaultReader,
  cluster: string,
  { timeline, segmentBytes }: PositionOptions,
  first: number | undefined,
): Promise<{ whole: number[]; sample: ListedObject | undefined }> {
  const whole: number[] = [];
  let sample: ListedObject | undefined;
  const after =
    first === undefined || first === 0
      ? undefined
      : walFileKey(cluster, segmentName({ timeline, number: first - 1 }, segmentBytes));
  const objects = listObjects(vault, walTimelinePrefix(cluster, timeline), [], {
    after,
    onFolder: () => undefined,
  });
  for await (const object of objects) {
    const key = parseWalKey(object.key);
    if (key?.is !== 'segment') continue;
    const place = parseSegmentName(key.segment, segmentBytes);
    if (place === undefined) continue;
    sample = object;
    whole.push(place.number);
    if (first === undefined && whole.length > MOST_AT_ONCE) whole.shift();
  }
  return { whole, sample };
}

/** Numbers of segments of which there are increments, ascending. */
async function openSegments(
  vault: VaultReader,
  cluster: string,
  { timeline, segmentBytes }: PositionOptions,
): Promise<number[]> {
  const prefix = walIncrementsPrefix(cluster, timeline);
  const numbers: number[] = [];
  const onFolder = (folder: string): void => {
    const place = parseSegmentName(folder.slice(prefix.length, -1), segmentBytes);
    if (place !== undefined) numbers.push(place.number);
  };
  for await (const _ of listVersions(vault, prefix, { onFolder }));
  return numbers.sort((a, b) => a - b).slice(-MOST_AT_ONCE);
}

async function incrementsOf(
  vault: VaultReader,
  cluster: string,
  timeline: number,
  number: number,
  segmentBytes: number,
): Promise<{ reach: number; sample: ListedObject | undefined }> {
  const segment = segmentName({ timeline, number }, segmentBytes);
  const pieces: { from: number; to: number }[] = [];
  let sample: ListedObject | undefined;
  for await (const object of listObjects(
    vault,
    walIncrementsPrefix(cluster, timeline, segment),
    [],
  )) {
    const key = parseWalKey(object.key);
    if (key?.is !== 'increment') continue;
    sample = object;
    pieces.push(key);
  }
  return { reach: reachOf(pieces), sample };
}
