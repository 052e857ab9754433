import { z } from 'zod';
import type { ArtifactContext } from './encryption-context.ts';
import { Instant } from './names.ts';
import { Lsn } from './physical-manifest.ts';

/** `backup` in the encryption context of all WAL, which belongs to no backup. */
export const WAL_CONTEXT = 'wal';

/**
 * What a segment or a history file is bound to: its name. All increments of a cluster share one, because
 * they share a data key: what they are says each WAL page by itself (its address and its timeline).
 */
export function walContext(cluster: string, file: string | 'increments'): ArtifactContext {
  return { cluster, backup: WAL_CONTEXT, artifact: file };
}

/** Lock of increments: when it ends, the whole segment must long be there. Days. */
export const INCREMENT_LOCK_DAYS = 2;

/** A point that somebody named: `pg_create_restore_point`. */
export const RestorePoint = z.strictObject({ name: z.string(), lsn: Lsn, at: Instant });
export type RestorePoint = z.infer<typeof RestorePoint>;

/**
 * What lies in a segment, so that a recovery target is found without opening any. Of the records that
 * end in it: one that begins in a segment may be whole only with the next.
 */
export const WalIndex = z.strictObject({
  commits: z.int().min(0),
  /** The earliest and the latest of the commits' own times, which need not grow; `null`: no commit. */
  firstCommitAt: Instant.nullable(),
  lastCommitAt: Instant.nullable(),
  /** End of the last commit's record. */
  lastCommitLsn: Lsn.nullable(),
  /** Transactions that ended here, 32 bits as in the WAL; `null`: none. */
  xids: z.tuple([z.int(), z.int()]).nullable(),
  restorePoints: z.array(RestorePoint),
  /** Restore points that there was no room for. */
  moreRestorePoints: z.int().min(0),
  /**
   * The record that the segment begins in the midst of is not in the index, because its beginning was not
   * there to be looked at: a commit more may end here. Absent: nothing is missing.
   */
  lacksFirst: z.literal(true).optional(),
});
export type WalIndex = z.infer<typeof WalIndex>;

/** User metadata of an object under `wal/`: a listing and a HEAD tell all of it. Names are S3's, lower case. */
export const WalMetadata = z.strictObject({
  /** Of the plain text, before compression. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.coerce.number().int().min(0),
  /** Of the server; a segment of another one is never taken for ours. */
  'system-identifier': z.string().regex(/^\d+$/),
  compression: z.enum(['zstd', 'none']),
  /** `WalIndex` as JSON, of segments that were understood. */
  index: z.string().optional(),
  /**
   * By the server's clock: all that it had written by then is in this object, or comes before it. A
   * recovery to a time after the last commit goes by it. Absent: not known.
   */
  'complete-until': Instant.optional(),
});
export type WalMetadata = z.infer<typeof WalMetadata>;
