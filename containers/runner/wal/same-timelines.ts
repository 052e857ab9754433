import { createHash } from 'node:crypto';
import { HoldfastError } from '../../../contract/errors.ts';
import type { TimelineSwitch } from '../../../contract/timeline-history.ts';
import { walFileKey } from '../../../contract/wal-keys.ts';
import { formatLsn, historyName } from '../../../contract/wal-segments.ts';
import { findObject } from '../../../vault/listed-objects.ts';
import { headWal } from '../../../vault/wal/wal-head.ts';
import type { WalVault } from '../../../vault/wal/wal-vault.ts';

/** Where a server says that its timeline comes from. */
export interface ServerTimelines {
  readonly timeline: number;
  readonly history: readonly TimelineSwitch[];
  /** The history file's; of timeline 1, which has none, empty. */
  readonly historyText: Buffer;
}

/**
 * Makes sure that the timelines a server has come through are those that the vault knows by their numbers.
 * Two standbys that are promoted take the same number for histories of their own; what the vault has of one
 * leads to nothing of the other's.
 *
 * @param server named in the error.
 * @throws HoldfastError WAL_CONFLICT, VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function assertSameTimelines(
  vault: WalVault,
  timelines: ServerTimelines,
  server: string,
): Promise<void> {
  for (const { timeline, text, began } of historiesOf(timelines)) {
    const key = walFileKey(vault.cluster, historyName(timeline));
    const object = await findObject(vault, key);
    if (object === undefined) continue;
    const { metadata } = await headWal(vault, object);
    if (metadata.sha256 === createHash('sha256').update(text).digest('hex')) continue;
    throw new HoldfastError(
      'WAL_CONFLICT',
      `${server} has a timeline ${timeline} of its own, which left timeline ${began.timeline} at ${formatLsn(began.switchLsn)}; ${key} says otherwise of the one that the vault has WAL of.`,
      {
        hint: `Nothing of it was streamed. Two servers were promoted onto timeline ${timeline}: find out which one is the primary (TIMELINE_HISTORY ${timeline} over a replication connection says where each began), and make the other its standby anew. If this one is to stay, it needs a cluster of its own, and a base backup: its WAL cannot be told from the other's by name.`,
      },
    );
  }
}

/** The history file of each timeline that a server has come through: a child's begins with its parent's. */
export function historiesOf({ timeline, history, historyText }: ServerTimelines): {
  readonly timeline: number;
  readonly text: Buffer;
  /** Where it left the one before. */
  readonly began: TimelineSwitch;
}[] {
  return history.flatMap((began, at) => {
    const next = history[at + 1];
    if (next === undefined) return [{ timeline, text: historyText, began }];
    // PostgreSQL puts an empty line between what it copies and the line that it adds.
    const line = historyText.indexOf(`\n${next.timeline}\t`);
    return line < 0
      ? []
      : [{ timeline: next.timeline, text: historyText.subarray(0, line), began }];
  });
}
