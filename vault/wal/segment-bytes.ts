import { parseWalKey, walIncrementsPrefix, walTimelinePrefix } from '../../contract/wal-keys.ts';
import { DEFAULT_SEGMENT_BYTES } from '../../contract/wal-segments.ts';
import { listObjects } from '../listed-objects.ts';
import { findWalFile, type WalReader } from './fetch-wal.ts';
import { listWalTimelines } from './wal-catalog.ts';
import { headWal } from './wal-head.ts';
import { LONG_HEAD_BYTES, segmentBytesIn } from './wal-pages.ts';

/**
 * The server's `wal_segment_size`, bytes: what the first whole segment says, of the timeline or of any
 * other; else the first page of a segment that is not whole; else PostgreSQL's default.
 *
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function readSegmentBytes(reader: WalReader, timeline: number): Promise<number> {
  const own = await ofWhole(reader, timeline);
  if (own !== undefined) return own;
  const all = await listWalTimelines(reader.vault, reader.cluster);
  for (const other of all.filter((one) => one !== timeline)) {
    const found = await ofWhole(reader, other);
    if (found !== undefined) return found;
  }
  for (const one of all) {
    const found = await ofOpen(reader, one);
    if (found !== undefined) return found;
  }
  return DEFAULT_SEGMENT_BYTES;
}

async function ofWhole(
  { vault, cluster }: WalReader,
  timeline: number,
): Promise<number | undefined> {
  const prefix = walTimelinePrefix(cluster, timeline);
  for await (const object of listObjects(vault, prefix, [], { onFolder: () => {} })) {
    if (parseWalKey(object.key)?.is !== 'segment') continue;
    return (await headWal(vault, object)).metadata.bytes;
  }
  return undefined;
}

/** By the first segment whose beginning is there. */
async function ofOpen(reader: WalReader, timeline: number): Promise<number | undefined> {
  const prefix = walIncrementsPrefix(reader.cluster, timeline);
  for await (const { key } of listObjects(reader.vault, prefix, [])) {
    const found = parseWalKey(key);
    if (found?.is !== 'increment' || found.from > 0) continue;
    const file = await findWalFile(reader, found.segment);
    if (file?.reach === undefined || file.reach < LONG_HEAD_BYTES) continue;
    let head: Buffer = Buffer.alloc(0);
    for await (const piece of file.read()) {
      head = Buffer.concat([head, piece.subarray(0, LONG_HEAD_BYTES)]);
      if (head.length >= LONG_HEAD_BYTES) return segmentBytesIn(head);
    }
  }
  return undefined;
}
