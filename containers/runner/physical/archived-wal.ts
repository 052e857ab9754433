import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '../../../contract/errors.ts';
import { reachOf } from '../../../contract/wal-coverage.ts';
import { parseWalKey, walFileKey, walIncrementsPrefix } from '../../../contract/wal-keys.ts';
import { parseLsn, segmentAt, segmentName } from '../../../contract/wal-segments.ts';
import type { BackupVault } from '../../../vault/backup-vault.ts';
import type { LockedObject } from '../../../vault/extend-locks.ts';
import { findObject, listObjects } from '../../../vault/listed-objects.ts';
import type { Log } from '../log.ts';
import type { WalRange } from './check/backup-manifest.ts';

/** How long the streamer may take to put into the vault what the backup needs, ms. */
const WITHIN_MS = 10 * 60_000;
const POLL_MS = 2_000;

export interface ArchivedWalOptions {
  readonly vault: BackupVault;
  /** What makes the backup consistent. */
  readonly ranges: readonly WalRange[];
  /** The server's `wal_segment_size`. */
  readonly segmentBytes: number;
  readonly log: Log;
  /** @default 10 minutes */
  readonly withinMs?: number;
}

/**
 * Waits until the cluster's WAL archive holds all the WAL that a base backup needs.
 *
 * @returns what has to be locked as long as the backup.
 *
 * @throws HoldfastError DUMP_INCOMPLETE when it does not come, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function archivedWal(options: ArchivedWalOptions): Promise<LockedObject[]> {
  const { vault, ranges, segmentBytes, log, withinMs = WITHIN_MS } = options;
  const deadline = Date.now() + withinMs;
  const found: LockedObject[] = [];
  let told = false;
  for (const need of ranges.flatMap((range) => needsOf(range, segmentBytes))) {
    for (;;) {
      vault.signal.throwIfAborted();
      const objects = await lookFor(vault, need);
      if (objects !== undefined) {
        found.push(...objects);
        break;
      }
      if (Date.now() > deadline) throw missing(need);
      if (!told) log.info('waiting for the WAL archive', { segment: need.segment });
      told = true;
      await sleep(POLL_MS, undefined, { signal: vault.signal });
    }
  }
  return found;
}

/** A segment, and how much of it. */
interface Need {
  readonly timeline: number;
  readonly segment: string;
  /** Bytes from its start. */
  readonly to: number;
}

function needsOf({ timeline, start, end }: WalRange, segmentBytes: number): Need[] {
  const last = parseLsn(end) - 1n;
  const first = segmentAt(parseLsn(start), segmentBytes);
  const count = segmentAt(last, segmentBytes) - first + 1;
  return Array.from({ length: count }, (_, more) => ({
    timeline,
    segment: segmentName({ timeline, number: first + more }, segmentBytes),
    to: more === count - 1 ? Number(last % BigInt(segmentBytes)) + 1 : segmentBytes,
  }));
}

/**
 * The whole segment. Where increments of one that is still written reach far enough, nothing: they keep their
 * short locks, and the whole segment, which comes later than we, is locked longer by itself.
 */
async function lookFor(
  vault: BackupVault,
  { timeline, segment, to }: Need,
): Promise<LockedObject[] | undefined> {
  const { cluster } = vault;
  const whole = await findObject(vault, walFileKey(cluster, segment));
  if (whole !== undefined) return [whole];
  const pieces: { from: number; to: number }[] = [];
  const prefix = walIncrementsPrefix(cluster, timeline, segment);
  for await (const { key } of listObjects(vault, prefix, [])) {
    const parsed = parseWalKey(key);
    if (parsed?.is !== 'increment') continue;
    pieces.push(parsed);
  }
  return reachOf(pieces) >= to ? [] : undefined;
}

function missing({ segment, to }: Need): HoldfastError {
  return new HoldfastError(
    'DUMP_INCOMPLETE',
    `The WAL archive does not hold the first ${to} bytes of ${segment}, without which the base backup is worth nothing.`,
    {
      hint: "Look at the cluster's streamer, and run the backup again; or let each backup hold its WAL (physical.wal: 'stream').",
    },
  );
}
