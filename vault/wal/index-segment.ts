import type { WalIndex } from '../../contract/wal-object.ts';
import { parseSegmentName, segmentStart } from '../../contract/wal-segments.ts';
import { WalIndexer } from './wal-indexer.ts';
import { PageFlag } from './wal-records.ts';

/**
 * Makes the index of a segment that is there whole. A record may begin in the segment before and end in
 * this one, so that one is looked into as well; where it cannot be had the index says so: one that lacks a
 * commit would have a recovery target refused that can be reached.
 *
 * @param segment PostgreSQL's name of it.
 * @param before reads the segment before it, of the same timeline; `undefined`: it is not there.
 */
export async function indexSegment(
  segment: string,
  bytes: Buffer,
  before: () => Promise<Buffer | undefined>,
): Promise<WalIndex | undefined> {
  const place = parseSegmentName(segment, bytes.length);
  if (place === undefined) return undefined;
  const start = segmentStart(place.number, bytes.length);
  const indexer = new WalIndexer();
  if ((bytes.readUInt16LE(2) & PageFlag.Continued) !== 0) {
    const previous = await before();
    if (previous?.length === bytes.length) {
      indexer.push(start - BigInt(previous.length), previous);
      indexer.take();
    }
  }
  indexer.push(start, bytes);
  return indexer.take();
}
