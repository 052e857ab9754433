import { createHash } from 'node:crypto';
import { HoldfastError } from '../../../contract/errors.ts';
import { parseWalKey, walIncrementsPrefix } from '../../../contract/wal-keys.ts';
import { listObjects } from '../../../vault/listed-objects.ts';
import { headWal } from '../../../vault/wal/wal-head.ts';
import type { WalVault } from '../../../vault/wal/wal-vault.ts';

/** Bytes of a segment that the vault has, by their hash. */
export interface ResumedBytes {
  readonly key: string;
  /** Within the segment; `to` is the one after the last. */
  readonly from: number;
  readonly to: number;
  readonly sha256: string;
}

/**
 * The last that the vault has of a segment which is gone on with. Every record names the one before, and
 * so they are those of the server, or all that follows them is not.
 *
 * @param to where the vault's bytes end, within the segment.
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function resumedBytes(
  vault: WalVault,
  segment: string,
  to: number,
): Promise<ResumedBytes | undefined> {
  const timeline = Number.parseInt(segment.slice(0, 8), 16);
  const prefix = walIncrementsPrefix(vault.cluster, timeline, segment);
  for await (const object of listObjects(vault, prefix, [])) {
    const key = parseWalKey(object.key);
    if (key?.is !== 'increment' || key.to !== to) continue;
    const { metadata } = await headWal(vault, object);
    return { key: object.key, from: key.from, to, sha256: metadata.sha256 };
  }
  return undefined;
}

/**
 * @param plain the segment from its beginning on, to `to` at least.
 * @throws HoldfastError WAL_CONFLICT when the server has other bytes there
 */
export function assertResumed({ key, from, to, sha256 }: ResumedBytes, plain: Buffer): void {
  const bytes = plain.subarray(from, to);
  if (createHash('sha256').update(bytes).digest('hex') === sha256) return;
  throw new HoldfastError(
    'WAL_CONFLICT',
    `The server has other WAL than the vault at the same place: ${key} holds other bytes.`,
    {
      hint: 'Nothing of it was taken. Two servers were promoted onto the same timeline, or one was put back to an older state without a new timeline. Find out which one is the true one, and make the other its standby anew; a server that was put back has to be promoted onto a timeline of its own. One whose timeline the vault holds otherwise needs a cluster of its own.',
    },
  );
}
