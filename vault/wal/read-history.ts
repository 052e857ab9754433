import { parseTimelineHistory, type TimelineSwitch } from '../../contract/timeline-history.ts';
import { walFileKey } from '../../contract/wal-keys.ts';
import { historyName } from '../../contract/wal-segments.ts';
import { findWalFile, type WalReader } from './fetch-wal.ts';

/**
 * A timeline's ancestors, oldest first; none of timeline 1.
 *
 * @returns `undefined` when the vault does not have its history.
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function readTimelineHistory(
  reader: WalReader,
  timeline: number,
): Promise<TimelineSwitch[] | undefined> {
  if (timeline === 1) return [];
  const name = historyName(timeline);
  const file = await findWalFile(reader, name);
  if (file === undefined) return undefined;
  const pieces: Buffer[] = [];
  for await (const piece of file.read()) pieces.push(piece);
  const text = Buffer.concat(pieces).toString('utf8');
  return parseTimelineHistory(text, timeline, walFileKey(reader.cluster, name));
}
