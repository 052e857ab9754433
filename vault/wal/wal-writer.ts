import { HoldfastError } from '../../contract/errors.ts';
import { walFileKey, walIncrementKey } from '../../contract/wal-keys.ts';
import { INCREMENT_LOCK_DAYS, type WalIndex } from '../../contract/wal-object.ts';
import { awsError } from '../aws-errors.ts';
import type { MessageMaterials } from '../encryption/message-writer.ts';
import { lockFor } from '../retention.ts';
import { buildIndexText } from './index-text.ts';
import { type PutOutcome, putWal } from './put-wal.ts';
import { MAX_WAL_BYTES, type WalBody, WalMessage, walBodyBytes } from './wal-message.ts';
import type { WalVault } from './wal-vault.ts';

/** Below it, compressing saves nothing that S3 would charge for. Bytes. */
const TINY_BYTES = 4 * 1024;

/** Begins the message of a segment that is yet to come: `finish` it, then `putSegment`. */
export async function beginSegment(
  vault: WalVault,
  segment: string,
  into: Buffer,
): Promise<WalMessage> {
  return new WalMessage(await dataKey(vault, vault.dataKeys.file(segment)), 'zstd', into);
}

/** Encrypts a segment, a partial or a history that is in memory as a whole. */
export async function composeFile(vault: WalVault, file: string, plain: Buffer): Promise<WalBody> {
  assertFits(file, plain);
  const materials = await dataKey(vault, vault.dataKeys.file(file));
  return await compose(materials, plain, Buffer.allocUnsafeSlow(walBodyBytes(plain.length)));
}

/**
 * Encrypts some bytes of a segment.
 *
 * @param into of `walBodyBytes` of as much.
 */
export async function composeIncrement(
  vault: WalVault,
  plain: Buffer,
  into: Buffer = Buffer.allocUnsafeSlow(walBodyBytes(plain.length)),
): Promise<WalBody> {
  assertFits('an increment', plain);
  return await compose(await dataKey(vault, vault.dataKeys.increments()), plain, into);
}

/** What is known of a segment beside its bytes. */
export interface SegmentFacts {
  readonly index?: WalIndex | undefined;
  /** Until when there was nothing beyond it, as metadata say it. */
  readonly complete?: string | undefined;
}

/**
 * Writes a whole segment. To be tried again with the same body for as long as it fails for want of the
 * vault.
 *
 * @param segment PostgreSQL's name of it: 24 hexadecimal digits.
 * @throws HoldfastError WAL_CONFLICT, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function putSegment(
  vault: WalVault,
  segment: string,
  body: WalBody,
  facts?: SegmentFacts,
): Promise<PutOutcome> {
  return await putFile(vault, segment, body, facts);
}

/**
 * Writes what a timeline that was left had of its last segment. Two servers may differ in it, because
 * what one of them had not yet received is lost with the timeline: the first that is written stays.
 *
 * @param body `composeFile` of the name with `.partial`.
 * @returns `other` if the vault holds another one.
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function putPartial(
  vault: WalVault,
  segment: string,
  body: WalBody,
  facts?: SegmentFacts,
): Promise<PutOutcome | 'other'> {
  try {
    return await putFile(vault, `${segment}.partial`, body, facts);
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'WAL_CONFLICT') return 'other';
    throw error;
  }
}

/**
 * Writes where a timeline comes from.
 *
 * @param file such as `00000002.history`.
 * @throws HoldfastError WAL_CONFLICT, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function putHistory(vault: WalVault, file: string, text: Buffer): Promise<PutOutcome> {
  return await putFile(vault, file, await composeFile(vault, file, text));
}

/**
 * Writes some bytes of a segment that is still being written.
 *
 * @param from where they begin within the segment. Bytes.
 * @param complete until when there was nothing beyond them, as metadata say it.
 * @throws HoldfastError WAL_CONFLICT, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function putIncrement(
  vault: WalVault,
  segment: string,
  from: number,
  body: WalBody,
  complete?: string,
): Promise<PutOutcome> {
  return await putWal(vault, {
    key: walIncrementKey(vault.cluster, segment, from, from + body.bytes),
    ...{ body, complete },
    lock: lockFor(vault.lockMode, INCREMENT_LOCK_DAYS, new Date()),
  });
}

async function putFile(
  vault: WalVault,
  file: string,
  body: WalBody,
  { index, complete }: SegmentFacts = {},
): Promise<PutOutcome> {
  return await putWal(vault, {
    key: walFileKey(vault.cluster, file),
    ...{ body, complete },
    lock: lockFor(vault.lockMode, vault.retentionDays, new Date()),
    index: index === undefined ? undefined : buildIndexText(index),
  });
}

async function compose(materials: MessageMaterials, plain: Buffer, into: Buffer): Promise<WalBody> {
  const compression = plain.length < TINY_BYTES ? 'none' : 'zstd';
  const message = new WalMessage(materials, compression, into);
  await message.write(plain);
  return await message.finish();
}

async function dataKey(
  vault: WalVault,
  asked: Promise<MessageMaterials>,
): Promise<MessageMaterials> {
  return await asked.catch((error: unknown) => {
    throw awsError(error, 'kms:GenerateDataKey', vault.kmsKeyArn);
  });
}

function assertFits(what: string, plain: Buffer): void {
  if (plain.length <= MAX_WAL_BYTES) return;
  throw new HoldfastError(
    'SOURCE_SETTINGS',
    `${what} has ${plain.length} bytes of WAL; an object holds ${MAX_WAL_BYTES} at most.`,
    { hint: 'Use a cluster whose wal_segment_size is 64 MB or less.' },
  );
}
