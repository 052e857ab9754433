import { HoldfastError } from '../../../contract/errors.ts';
import { headWal } from '../../../vault/wal/wal-head.ts';
import { findWalPosition, listTimelines } from '../../../vault/wal/wal-position.ts';
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
  { segmentBytes, from, own, server }: ReachedOptions,
): Promise<Reached | undefined> {
  const timeline = (await listTimelines(vault, vault.cluster)).at(-1);
  if (timeline === undefined) return undefined;
  const find = (start: bigint | undefined) =>
    findWalPosition(vault, vault.cluster, { timeline, segmentBytes, from: start });
  // A slot that is ahead of all that the vault has says nothing of what lies between.
  const begins = own(timeline);
  const known = from === undefined ? undefined : await find(from > begins ? from : begins);
  const position = known ?? (await find(undefined));
  if (position === undefined) return undefined;
  const { metadata } = await headWal(vault, position.sample);
  const theirs = metadata['system-identifier'];
  if (theirs !== vault.systemIdentifier) {
    throw new HoldfastError(
      'WAL_CONFLICT',
      `${server} is the system ${vault.systemIdentifier}; the vault holds WAL of the system ${theirs} under the cluster ${vault.cluster}.`,
      {
        hint: 'A server that was made anew by initdb, or another one, needs a cluster of its own: its WAL cannot be told from the old one by name.',
      },
    );
  }
  return { timeline, end: position.end };
}
