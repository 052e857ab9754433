import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '../../../contract/errors.ts';
import { reachOf } from '../../../contract/wal-coverage.ts';
import { parseWalKey, walFileKey, walIncrementsPrefix } from '../../../contract/wal-keys.ts';
import { parseLsn, segmentAt, segmentName } from '../../../contract/wal-segments.ts';
import type { BackupVault } from '../../../vault/backup-vault.ts';
import type { LockedObject } from '../../../vault/extend-locks.ts';
import { findObject, listObjects } from '../../../vault/listed-objects.ts';
import { headWal } from '../../../vault/wal/wal-head.ts';
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
  /** Of the server. */
  readonly systemIdentifier: string;
  readonly log: Log;
  /** @default 10 minutes */
  readonly withinMs?: number;
}

/**
 * Waits until the cluster's WAL archive holds all the WAL that a base backup needs.
 *
 * @returns what has to be locked as long as the backup.
 *
 * @throws HoldfastError DUMP_INCOMPLETE when it does not come, WAL_CONFLICT when what is there is another
 * server's, VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function archivedWal(options: ArchivedWalOptions): Promise<LockedObject[]> {
  const { vault, ranges, segmentBytes, systemIdentifier, log, withinMs = WITHIN_MS } = options;
  const deadline = Date.now() + withinMs;
  const found: LockedObject[] = [];
  let told = false;
  for (const need of ranges.flatMap((range) => needsOf(range, segmentBytes))) {
    for (;;) {
      vault.signal.throwIfAborted();
      const objects = await lookFor(vault, need);
      if (objects !== undefined) {
        for (const object of objects) await assertOurs(vault, object, systemIdentifier);
        found.push(...objects.filter(isWhole));
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

/** The whole segment, or increments of one that is still written where they reach far enough. */
async function lookFor(
  vault: BackupVault,
  { timeline, segment, to }: Need,
): Promise<LockedObject[] | undefined> {
  const { cluster } = vault;
  const whole = await findObject(vault, walFileKey(cluster, segment));
  if (whole !== undefined) return [whole];
  const pieces: (LockedObject & { readonly from: number; readonly to: number })[] = [];
  const prefix = walIncrementsPrefix(cluster, timeline, segment);
  for await (const { key, versionId } of listObjects(vault, prefix, [])) {
    const parsed = parseWalKey(key);
    if (parsed?.is !== 'increment') continue;
    pieces.push({ key, versionId, from: parsed.from, to: parsed.to });
  }
  return reachOf(pieces) >= to ? pieces.filter(({ from }) => from < to) : undefined;
}

/** Increments keep their short locks: the whole segment, which comes later than we, is locked longer by itself. */
function isWhole({ key }: LockedObject): boolean {
  return parseWalKey(key)?.is === 'segment';
}

/** A server that was made anew under the cluster's name writes WAL of the same names as the one before. */
async function assertOurs(
  vault: BackupVault,
  object: LockedObject,
  systemIdentifier: string,
): Promise<void> {
  const { metadata } = await headWal(vault, object);
  const theirs = metadata['system-identifier'];
  if (theirs === systemIdentifier) return;
  throw new HoldfastError(
    'WAL_CONFLICT',
    `${object.key} is WAL of the system ${theirs}, and the base backup is one of ${systemIdentifier}.`,
    {
      hint: 'Nothing was published: without its own WAL the backup is worth nothing. Give a server that was made anew a cluster of its own.',
    },
  );
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
