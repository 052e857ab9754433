import { rangesOf, reachOf, type WalRange } from '../../contract/wal-coverage.ts';
import {
  parseWalKey,
  walIncrementsPrefix,
  walPrefix,
  walTimelinePrefix,
} from '../../contract/wal-keys.ts';
import {
  DEFAULT_SEGMENT_BYTES,
  parseSegmentName,
  segmentName,
} from '../../contract/wal-segments.ts';
import { type ListedObject, listObjects } from '../listed-objects.ts';
import type { VaultReader } from '../vault-reader.ts';
import { headWal } from './wal-head.ts';

export interface WalIncrement extends ListedObject {
  /** Bytes within the segment; `to` is the one after the last. */
  readonly from: number;
  readonly to: number;
}

/** What the vault holds of one timeline. Segments are known by their numbers: see `segmentName`. */
export interface WalTimeline {
  readonly timeline: number;
  readonly history: ListedObject | undefined;
  /** Whole ones. */
  readonly segments: ReadonlyMap<number, ListedObject>;
  /** What was left of the last segment of a timeline that was left. */
  readonly partials: ReadonlyMap<number, ListedObject>;
  /** Of segments that are not whole. */
  readonly increments: ReadonlyMap<number, readonly WalIncrement[]>;
  /** What is there without a gap, ascending: whole segments, and increments from a segment's start on. */
  readonly ranges: readonly WalRange[];
}

export interface WalCatalog {
  readonly cluster: string;
  readonly segmentBytes: number;
  /** Ascending. */
  readonly timelines: readonly WalTimeline[];
  /** Keys that are none of WAL, and deleted ones. */
  readonly warnings: readonly string[];
}

export interface WalCatalogOptions {
  /**
   * The server's `wal_segment_size`, bytes; by default what the first whole segment says, and without
   * one PostgreSQL's default.
   */
  readonly segmentBytes?: number | undefined;
  /** Only these timelines. */
  readonly timelines?: readonly number[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A timeline's files as they are listed, by name. */
interface Listed {
  readonly timeline: number;
  history: ListedObject | undefined;
  readonly segments: Map<string, ListedObject>;
  readonly partials: Map<string, ListedObject>;
}

/**
 * Reads what WAL of a cluster the vault holds, from listings alone: a delete marker hides nothing and a
 * later version replaces nothing. Increments are listed only where a segment is not whole, so that
 * hundreds of thousands of segments cost a request for each thousand.
 *
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE, VAULT_INTEGRITY when the first segment does not
 * say how long it is
 */
export async function readWalCatalog(
  vault: VaultReader,
  cluster: string,
  options: WalCatalogOptions = {},
): Promise<WalCatalog> {
  const warnings: string[] = [];
  const listed: Listed[] = [];
  for (const timeline of options.timelines ?? (await listWalTimelines(vault, cluster, warnings))) {
    options.signal?.throwIfAborted();
    listed.push(await listTimeline(vault, cluster, timeline, warnings));
  }
  const segmentBytes = options.segmentBytes ?? (await segmentBytesOf(vault, listed));
  const timelines: WalTimeline[] = [];
  for (const one of listed) {
    options.signal?.throwIfAborted();
    timelines.push(await withIncrements(vault, cluster, one, segmentBytes, warnings));
  }
  return { cluster, segmentBytes, timelines, warnings };
}

/** The end of what is durable: where the newest timeline's last range ends; `undefined`: no WAL. */
export function durableEnd(
  catalog: WalCatalog,
): { readonly timeline: number; readonly lsn: bigint } | undefined {
  const newest = catalog.timelines.findLast(({ ranges }) => ranges.length > 0);
  const last = newest?.ranges.at(-1);
  return newest && last && { timeline: newest.timeline, lsn: last.to };
}

/**
 * The timelines that the vault has anything of, ascending: one request.
 *
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function listWalTimelines(
  vault: VaultReader,
  cluster: string,
  warnings: string[] = [],
): Promise<number[]> {
  const prefix = walPrefix(cluster);
  const found: number[] = [];
  const onFolder = (folder: string) => {
    const name = folder.slice(prefix.length, -1);
    if (/^[0-9A-F]{8}$/.test(name)) found.push(Number.parseInt(name, 16));
    else warnings.push(unknownKey(folder));
  };
  for await (const { key } of listObjects(vault, prefix, warnings, { onFolder })) {
    warnings.push(unknownKey(key));
  }
  return found.sort((a, b) => a - b);
}

async function listTimeline(
  vault: VaultReader,
  cluster: string,
  timeline: number,
  warnings: string[],
): Promise<Listed> {
  const prefix = walTimelinePrefix(cluster, timeline);
  const increments = walIncrementsPrefix(cluster, timeline);
  const listed: Listed = {
    ...{ timeline, history: undefined },
    ...{ segments: new Map(), partials: new Map() },
  };
  const onFolder = (folder: string) => {
    if (folder !== increments) warnings.push(unknownKey(folder));
  };
  for await (const object of listObjects(vault, prefix, warnings, { onFolder })) {
    const key = parseWalKey(object.key);
    if (key?.is === 'segment') listed.segments.set(key.segment, object);
    else if (key?.is === 'partial') listed.partials.set(key.segment, object);
    else if (key?.is === 'history') listed.history = object;
    else if (key?.is !== 'backup') warnings.push(unknownKey(object.key));
  }
  return listed;
}

async function segmentBytesOf(vault: VaultReader, listed: readonly Listed[]): Promise<number> {
  for (const { segments } of listed) {
    for (const object of segments.values()) return (await headWal(vault, object)).metadata.bytes;
  }
  return DEFAULT_SEGMENT_BYTES;
}

async function withIncrements(
  vault: VaultReader,
  cluster: string,
  { timeline, history, ...listed }: Listed,
  segmentBytes: number,
  warnings: string[],
): Promise<WalTimeline> {
  const numbered = (objects: ReadonlyMap<string, ListedObject>): Map<number, ListedObject> => {
    const found = new Map<number, ListedObject>();
    for (const [name, object] of objects) {
      const place = parseSegmentName(name, segmentBytes);
      if (place === undefined) warnings.push(unknownKey(object.key));
      else found.set(place.number, object);
    }
    return found;
  };
  const segments = numbered(listed.segments);
  const name = (number: number) => segmentName({ timeline, number }, segmentBytes);
  const increments = new Map<number, WalIncrement[]>();
  const whole = [...segments.keys()];
  for (const [before, next] of holesBetween(whole)) {
    const from = before === undefined ? undefined : name(before);
    const until = next === undefined ? undefined : name(next);
    const found = listIncrements(vault, cluster, timeline, { from, until, warnings });
    for await (const { segment, ...increment } of found) {
      const number = parseSegmentName(segment, segmentBytes)?.number;
      if (number === undefined) warnings.push(unknownKey(increment.key));
      else increments.set(number, [...(increments.get(number) ?? []), increment]);
    }
  }
  const open = new Map([...increments].map(([number, pieces]) => [number, reachOf(pieces)]));
  return {
    ...{ timeline, history, segments, partials: numbered(listed.partials), increments },
    ranges: rangesOf(whole, open, segmentBytes),
  };
}

/** Before the first whole segment, wherever one is missing, and after the last. */
function holesBetween(
  whole: readonly number[],
): (readonly [before: number | undefined, next: number | undefined])[] {
  return [...whole, undefined]
    .map((next, at) => [whole[at - 1], next] as const)
    .filter(([before, next]) => before === undefined || next !== before + 1);
}

interface IncrementsBetween {
  /** Segments' names, themselves left out; `undefined`: from the first, to the last. */
  readonly from: string | undefined;
  readonly until: string | undefined;
  readonly warnings: string[];
}

async function* listIncrements(
  vault: VaultReader,
  cluster: string,
  timeline: number,
  { from, until, warnings }: IncrementsBetween,
): AsyncGenerator<WalIncrement & { readonly segment: string }> {
  const prefix = walIncrementsPrefix(cluster, timeline);
  // Sorts after everything below the segment's folder.
  const after = from === undefined ? undefined : `${prefix}${from}0`;
  for await (const object of listObjects(vault, prefix, warnings, { after })) {
    const key = parseWalKey(object.key);
    if (until !== undefined && object.key >= `${prefix}${until}/`) break;
    if (key?.is === 'increment') {
      yield { ...object, segment: key.segment, from: key.from, to: key.to };
    } else {
      warnings.push(unknownKey(object.key));
    }
  }
}

function unknownKey(key: string): string {
  return `${key} is no WAL that this version of Holdfast knows; it is left out.`;
}
