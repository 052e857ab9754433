import { createHash, randomBytes } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { PutObjectCommand, type PutObjectCommandInput, type S3Client } from '@aws-sdk/client-s3';
import { walFileKey, walIncrementKey } from '../../../contract/wal-keys.ts';
import { type WalIndex, type WalMetadata, walContext } from '../../../contract/wal-object.ts';
import { parseSegmentName, segmentStart } from '../../../contract/wal-segments.ts';
import type { OpenDataKeys } from '../../../vault/decryption/decryption-keyring.ts';
import { buildIndexText } from '../../../vault/wal/index-text.ts';
import { PAGE_BYTES } from '../../../vault/wal/wal-pages.ts';
import { encryptExample } from '../example-message.ts';

/** The smallest that PostgreSQL takes. */
export const SEGMENT_BYTES = 1024 * 1024;
export const SYSTEM = '7412345678901234567';

export interface ExamplePages {
  /** From this page on the segment's own timeline; before, the one that was left. */
  readonly switchAtPage?: number;
  /** From this page on nothing but zeros, as after `pg_switch_wal()`. */
  readonly blankFromPage?: number;
  readonly system?: string;
  /** @default SEGMENT_BYTES */
  readonly segmentBytes?: number;
}

/** A segment whose pages have true headers and noise between them. */
export function exampleSegment(name: string, options: ExamplePages = {}): Buffer {
  const { segmentBytes = SEGMENT_BYTES, system = SYSTEM } = options;
  const place = parseSegmentName(name, segmentBytes);
  if (place === undefined) throw new Error(`${name} is no segment`);
  const { switchAtPage = 0, blankFromPage = Number.POSITIVE_INFINITY } = options;
  const noise = randomBytes(PAGE_BYTES);
  const bytes = Buffer.alloc(segmentBytes);
  for (let page = 0; page * PAGE_BYTES < segmentBytes && page < blankFromPage; page += 1) {
    const at = page * PAGE_BYTES;
    noise.copy(bytes, at);
    bytes.writeUInt16LE(0xd116, at);
    bytes.writeUInt16LE(page === 0 ? 0x0002 : 0, at + 2);
    bytes.writeUInt32LE(page < switchAtPage ? place.timeline - 1 : place.timeline, at + 4);
    bytes.writeBigUInt64LE(segmentStart(place.number, segmentBytes) + BigInt(at), at + 8);
    if (page > 0) continue;
    bytes.writeBigUInt64LE(BigInt(system), 24);
    bytes.writeUInt32LE(segmentBytes, 32);
  }
  return bytes;
}

/** A vault that objects can be put into. */
export interface ExampleVault {
  readonly s3: Pick<S3Client, 'send'>;
  readonly bucket: string;
  readonly dataKeys: OpenDataKeys;
}

export interface PutOptions {
  readonly compression?: WalMetadata['compression'];
  readonly metadata?: Partial<Record<keyof WalMetadata, string>>;
  /** Under the name of another file. */
  readonly context?: string;
  readonly lock?: Pick<PutObjectCommandInput, 'ObjectLockMode' | 'ObjectLockRetainUntilDate'>;
}

/** As `putWal`, with an index of what is in it. */
export async function putIndexed(
  to: ExampleVault,
  cluster: string,
  name: string,
  index: Partial<WalIndex> = {},
  bytes = exampleSegment(name),
): Promise<string> {
  const text = buildIndexText({ ...NO_COMMIT, ...index });
  return putWal(to, cluster, name, bytes, { metadata: { index: text } });
}

const NO_COMMIT: WalIndex = {
  ...{ commits: 0, firstCommitAt: null, lastCommitAt: null, lastCommitLsn: null },
  ...{ xids: null, restorePoints: [], moreRestorePoints: 0 },
};

/** Puts a segment, `.partial` or history, whether or not a streamer would have, and returns its key. */
export async function putWal(
  to: ExampleVault,
  cluster: string,
  name: string,
  bytes: Buffer,
  options: PutOptions = {},
): Promise<string> {
  const key = walFileKey(cluster, name);
  await putObject(to, cluster, key, bytes, { context: name, ...options });
  return key;
}

/** Puts bytes of a segment that is still being written. */
export async function putIncrement(
  to: ExampleVault,
  cluster: string,
  segment: string,
  [from, to_]: readonly [number, number],
  bytes: Buffer,
  options: PutOptions = {},
): Promise<string> {
  const key = walIncrementKey(cluster, segment, from, to_);
  const piece = bytes.subarray(from, to_);
  await putObject(to, cluster, key, piece, { context: 'increments', ...options });
  return key;
}

async function putObject(
  { s3, bucket, dataKeys }: ExampleVault,
  cluster: string,
  key: string,
  bytes: Buffer,
  { compression = 'zstd', metadata, context = '', lock }: PutOptions,
): Promise<void> {
  const plain = compression === 'zstd' ? zstdCompressSync(bytes) : bytes;
  await s3.send(
    new PutObjectCommand({
      ...{ Bucket: bucket, Key: key, ...lock },
      Body: await encryptExample(plain, { ...walContext(cluster, context) }, dataKeys, 65_536),
      Metadata: {
        sha256: createHash('sha256').update(bytes).digest('hex'),
        bytes: String(bytes.length),
        'system-identifier': SYSTEM,
        compression,
        ...metadata,
      },
    }),
  );
}
