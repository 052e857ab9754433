import { instantOf, microsecondsOf } from '../../contract/microseconds.ts';
import { timelineAt } from '../../contract/recovery-window.ts';
import type { PathStep } from '../../contract/wal-coverage.ts';
import { segmentAt, segmentStart } from '../../contract/wal-segments.ts';
import type { ListedObject } from '../listed-objects.ts';
import type { VaultReader } from '../vault-reader.ts';
import type { WalCatalog } from './wal-catalog.ts';
import { headWal } from './wal-head.ts';

/** The last objects that are asked: who streams from a primary says it of nearly each. */
const MOST_ASKED = 16;
/** Segments from the end on that these may be of. */
const SEGMENTS = 4;
/**
 * The time of a commit is taken before its record is written, which waits for the disk; with
 * `synchronous_commit = off` for up to three times `wal_writer_delay`, 0.6 s by default. So of the last
 * moment something may lie beyond. Microseconds.
 */
const NOT_WRITTEN_YET = 1_000_000n;

/**
 * Until when it is known that the server had committed nothing beyond the end of WAL.
 *
 * @param reach where WAL that hangs together ends.
 * @returns ISO 8601, by the server's clock, to the microsecond, a second before what the objects say;
 * `undefined`: not known.
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function completeUntil(
  vault: VaultReader,
  { path, catalog }: { readonly path: readonly PathStep[]; readonly catalog: WalCatalog },
  reach: bigint,
): Promise<string | undefined> {
  for (const object of lastObjects(path, catalog, reach).slice(0, MOST_ASKED)) {
    const { metadata } = await headWal(vault, object);
    const until = metadata['complete-until'];
    if (until !== undefined) return instantOf(microsecondsOf(until) - NOT_WRITTEN_YET);
  }
  return undefined;
}

/** What makes the end of WAL, the last first. */
function lastObjects(
  path: readonly PathStep[],
  { timelines, segmentBytes }: WalCatalog,
  reach: bigint,
): ListedObject[] {
  if (reach === 0n) return [];
  const newest = segmentAt(reach - 1n, segmentBytes);
  const timeline = timelineAt(path, reach);
  const { segments, increments } = timelines.find((one) => one.timeline === timeline) ?? {};
  return Array.from({ length: SEGMENTS }, (_, back) => newest - back).flatMap((number) => {
    const whole = segments?.get(number);
    if (whole !== undefined) return [whole];
    const start = segmentStart(number, segmentBytes);
    return (increments?.get(number) ?? [])
      .filter(({ to }) => start + BigInt(to) <= reach)
      .toSorted((a, b) => b.to - a.to);
  });
}
