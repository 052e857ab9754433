import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { reachOf } from '../../contract/wal-coverage.ts';
import {
  parseWalKey,
  walFileKey,
  walIncrementsPrefix,
  walTimelinePrefix,
} from '../../contract/wal-keys.ts';
import {
  DEFAULT_SEGMENT_BYTES,
  segmentAt,
  segmentName,
  segmentStart,
} from '../../contract/wal-segments.ts';
import { type BenchCloud, CLUSTER } from './bench-cloud.ts';

const TIMELINE = 1;

/** How far the vault holds a cluster's WAL without a gap: listed as it grows, and shared with no reader of ours. */
export class VaultEnd {
  readonly #bench: BenchCloud;
  #end: bigint;

  /** @param from a position from which on the vault is to hold everything. */
  constructor(bench: BenchCloud, from: bigint) {
    this.#bench = bench;
    this.#end = segmentStart(segmentAt(from, DEFAULT_SEGMENT_BYTES), DEFAULT_SEGMENT_BYTES);
  }

  /** The end by now: the vault holds everything before it. */
  async look(): Promise<bigint> {
    const whole = await this.#segments();
    for (;;) {
      const number = segmentAt(this.#end, DEFAULT_SEGMENT_BYTES);
      const segment = segmentName({ timeline: TIMELINE, number }, DEFAULT_SEGMENT_BYTES);
      const start = segmentStart(number, DEFAULT_SEGMENT_BYTES);
      const reach = whole.has(segment) ? DEFAULT_SEGMENT_BYTES : reachOf(await this.#open(segment));
      const end = start + BigInt(reach);
      if (end > this.#end) this.#end = end;
      if (reach < DEFAULT_SEGMENT_BYTES) return this.#end;
    }
  }

  /** Names of the whole segments that do not end before what is known. */
  async #segments(): Promise<Set<string>> {
    const number = segmentAt(this.#end, DEFAULT_SEGMENT_BYTES);
    const before = segmentName(
      { timeline: TIMELINE, number: Math.max(0, number - 1) },
      DEFAULT_SEGMENT_BYTES,
    );
    const keys = await this.#keys(
      walTimelinePrefix(CLUSTER, TIMELINE),
      walFileKey(CLUSTER, before),
    );
    return new Set(
      keys.map(parseWalKey).flatMap((key) => (key?.is === 'segment' ? [key.segment] : [])),
    );
  }

  async #open(segment: string): Promise<{ readonly from: number; readonly to: number }[]> {
    const keys = await this.#keys(walIncrementsPrefix(CLUSTER, TIMELINE, segment));
    return keys.map(parseWalKey).flatMap((key) => (key?.is === 'increment' ? [key] : []));
  }

  async #keys(Prefix: string, StartAfter?: string): Promise<string[]> {
    const { s3, bucket } = this.#bench.cloud;
    const keys: string[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page: ListObjectsV2CommandOutput = await s3.send(
        new ListObjectsV2Command({
          ...{ Bucket: bucket, Prefix, Delimiter: '/', StartAfter, ContinuationToken },
        }),
      );
      keys.push(...(page.Contents ?? []).map(({ Key = '' }) => Key));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    return keys;
  }
}
