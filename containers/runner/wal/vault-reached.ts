import { HoldfastError } from '../../../contract/errors.ts';
import { headWal, type WalVersion } from '../../../vault/wal/wal-head.ts';
import {
  findWalPosition,
  listTimelines,
  type WalPosition,
} from '../../../vault/wal/wal-position.ts';
import type { WalVault } from '../../../vault/wal/wal-vault.ts';

/** Up to where the vault has WAL without a gap, on the latest timeline that it has any of. */
export interface Reached {
  readonly timeline: number;
  readonly end: bigint;
}

export interface ReachedOptions {
  readonly segmentBytes: number;
  /** A slot's position: before it nothing is missing. */
  readonly from: bigint | undefined;
  /** Where a timeline begins, which has no segment from before. */
  readonly own: (timeline: number) => bigint;
  /** Named in the error. */
  readonly server: string;
}

/**
 * Asks the vault where to go on.
 * @throws HoldfastError WAL_CONFLICT when it holds another server's WAL, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function findReached(
  vault: WalVault,
  options: ReachedOptions,
): Promise<Reached | undefined> {
  const timelines = await listTimelines(vault, vault.cluster);
  // A streamer that was killed right after a switch has left nothing of the last but its history.
  for (const timeline of timelines.reverse()) {
    const position = await reachedOn(vault, timeline, options);
    if (position === undefined) continue;
    await assertOurs(vault, position.sample, options.server);
    return { timeline, end: position.end };
  }
  return undefined;
}

async function reachedOn(
  vault: WalVault,
  timeline: number,
  { segmentBytes, from, own }: ReachedOptions,
): Promise<WalPosition | undefined> {
  const find = (start: bigint | undefined) =>
    findWalPosition(vault, vault.cluster, { timeline, segmentBytes, from: start });
  // A slot that is ahead of all that the vault has says nothing of what lies between.
  const begins = own(timeline);
  const known = from === undefined ? undefined : await find(from > begins ? from : begins);
  return known ?? (await find(undefined));
}

async function assertOurs(vault: WalVault, sample: WalVersion, server: string): Promise<void> {
  const { metadata } = await headWal(vault, sample);
  const theirs = metadata['system-identifier'];
  if (theirs === vault.systemIdentifier) return;
  throw new HoldfastError(
    'WAL_CONFLICT',
    `${server} is the system ${vault.systemIdentifier}; the vault holds WAL of the system ${theirs} under the cluster ${vault.cluster}.`,
    {
      hint: 'A server that was made anew by initdb, or another one, needs a cluster of its own: its WAL cannot be told from the old one by name.',
    },
  );
}
