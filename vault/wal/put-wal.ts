import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { HoldfastError } from '../../contract/errors.ts';
import { WalMetadata } from '../../contract/wal-object.ts';
import { awsError, isConflict, isDenied } from '../aws-errors.ts';
import type { VaultLock } from '../backup-vault.ts';
import { oldestVersion } from '../object-versions.ts';
import type { WalBody } from './wal-message.ts';
import type { WalVault } from './wal-vault.ts';

/** `duplicate`: the very same was there already. */
export type PutOutcome = 'written' | 'duplicate';

export interface WalObject {
  readonly key: string;
  readonly body: WalBody;
  readonly lock: VaultLock;
  /** `WalIndex` as text. */
  readonly index?: string | undefined;
  /** Until when there was nothing beyond it, ISO 8601. */
  readonly complete?: string | undefined;
}

/**
 * Writes one object, if nothing is under its key. What is there already, because somebody else wrote it
 * or the answer to an earlier try was lost, is compared by what its metadata say of the plain text.
 *
 * @throws HoldfastError WAL_CONFLICT when something else is there, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function putWal(vault: WalVault, object: WalObject): Promise<PutOutcome> {
  const { key, body, lock } = object;
  const metadata = metadataOf(vault, object);
  try {
    await vault.s3.send(
      new PutObjectCommand({
        Bucket: vault.bucket,
        Key: key,
        Body: body.cipher,
        ContentLength: body.cipher.length,
        ContentType: 'application/octet-stream',
        ChecksumCRC32: crc32Base64(body.crc32),
        IfNoneMatch: '*',
        ObjectLockMode: lock.mode,
        ObjectLockRetainUntilDate: lock.retainUntil,
        Metadata: metadata,
      }),
      vault.signal === undefined ? {} : { abortSignal: vault.signal },
    );
    return 'written';
  } catch (error) {
    vault.signal?.throwIfAborted();
    if (isDenied(error)) throw awsError(error, 's3:PutObject', key);
    const found = await findWal(vault, key);
    if (found === undefined) throw awsError(error, 's3:PutObject', key);
    if (isSame(found, metadata)) return isConflict(error) ? 'duplicate' : 'written';
    throw conflict(key, found, metadata, error);
  }
}

/**
 * What the vault says of the object under a key: of its first version, the one that counts.
 *
 * @returns `undefined` if there is none; `null` if what is there was not written as WAL.
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
async function findWal(vault: WalVault, key: string): Promise<WalMetadata | null | undefined> {
  const oldest = await oldestVersion(vault, key);
  if (oldest === undefined) return undefined;
  try {
    const { Metadata } = await vault.s3.send(
      new HeadObjectCommand({ Bucket: vault.bucket, Key: key, VersionId: oldest.versionId }),
    );
    return WalMetadata.safeParse(Metadata).data ?? null;
  } catch (error) {
    throw awsError(error, 's3:GetObjectVersion', key);
  }
}

function metadataOf(vault: WalVault, { body, index, complete }: WalObject): Record<string, string> {
  return {
    sha256: body.sha256,
    bytes: String(body.bytes),
    'system-identifier': vault.systemIdentifier,
    compression: body.compression,
    ...(index === undefined ? {} : { index }),
    ...(complete === undefined ? {} : { 'complete-until': complete }),
  };
}

function isSame(found: WalMetadata | null, ours: Record<string, string>): boolean {
  return (
    found !== null &&
    found.sha256 === ours.sha256 &&
    String(found.bytes) === ours.bytes &&
    found['system-identifier'] === ours['system-identifier']
  );
}

function conflict(
  key: string,
  found: WalMetadata | null,
  ours: Record<string, string>,
  cause: unknown,
): HoldfastError {
  const there =
    found === null
      ? 'what is not WAL of ours'
      : `${found.bytes} bytes, SHA-256 ${found.sha256}, of system ${found['system-identifier']}`;
  return new HoldfastError(
    'WAL_CONFLICT',
    `${key} holds ${there}; the server has ${ours.bytes} bytes, SHA-256 ${ours.sha256}, of system ${ours['system-identifier']}.`,
    {
      hint: "Nothing was overwritten. Find out which server's WAL is the true one: two servers share this cluster's name, a copy archives as its original does, or a server was put back to an older state without a new timeline. A server that is another one needs a cluster of its own.",
      cause,
    },
  );
}

function crc32Base64(crc: number): string {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(crc);
  return bytes.toString('base64');
}
