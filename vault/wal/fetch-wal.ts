import { pipeline } from 'node:stream';
import { createZstdDecompress } from 'node:zlib';
import { HoldfastError } from '../../contract/errors.ts';
import { reachOf } from '../../contract/wal-coverage.ts';
import { parseWalKey, walFileKey, walIncrementsPrefix } from '../../contract/wal-keys.ts';
import { type WalMetadata, walContext } from '../../contract/wal-object.ts';
import { parseWalFileName } from '../../contract/wal-segments.ts';
import { decryptMessage } from '../decryption/decrypt.ts';
import type { OpenDataKeys } from '../decryption/decryption-keyring.ts';
import { PlainTextCheck } from '../decryption/verify-digest.ts';
import { fetchObject } from '../fetch-object.ts';
import { findObject, type ListedObject, listObjects } from '../listed-objects.ts';
import type { VaultReader } from '../vault-reader.ts';
import type { WalIncrement } from './wal-catalog.ts';
import { headWal } from './wal-head.ts';
import { LONG_HEAD_BYTES, PageCheck, segmentBytesIn } from './wal-pages.ts';

export interface WalReader {
  readonly vault: VaultReader;
  readonly dataKeys: OpenDataKeys;
  readonly cluster: string;
  readonly signal?: AbortSignal | undefined;
}

/** A WAL file that the vault can give. */
export interface WalFile {
  readonly name: string;
  /** Made of one object, of a segment's increments, or of its `.partial`. */
  readonly from: 'object' | 'increments' | 'partial';
  /**
   * Bytes from the start that were written by the server, as far as the vault tells: what follows in
   * a segment that is made of increments, or of a `.partial`, are zeros. `undefined`: all of them.
   */
  readonly reach: number | undefined;
  /**
   * Its bytes, a segment's filled up with zeros. Only what has been read to its end is proven.
   *
   * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
   */
  read(): AsyncGenerator<Buffer>;
}

/**
 * Finds a WAL file by the name that PostgreSQL gives it: a segment (whole, else as far as its increments
 * or its `.partial` reach, whichever goes further), a `.partial`, or a timeline's history.
 *
 * @returns `undefined` when the vault has nothing of it.
 * @throws HoldfastError REQUEST_INVALID when that is no such name, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function findWalFile(reader: WalReader, name: string): Promise<WalFile | undefined> {
  const file = parseWalFileName(name);
  if (file === undefined || file.is === 'backup') {
    throw new HoldfastError('REQUEST_INVALID', `"${name}" is no WAL file that the vault holds.`, {
      hint: 'Ask for a segment (24 hexadecimal digits), with .partial or without, or for a .history.',
    });
  }
  const object = await findObject(reader.vault, walFileKey(reader.cluster, name));
  if (object !== undefined) {
    return { name, from: 'object', reach: undefined, read: () => readWalObject(reader, object) };
  }
  if (file.is !== 'segment') return undefined;
  const [increments, partial] = await Promise.all([
    listIncrements(reader, name),
    findPartial(reader, name),
  ]);
  const reach = reachOf(increments);
  // Of a timeline that was left: its end was acknowledged once this was there.
  if (partial !== undefined && partial.reach > reach) return partial;
  if (reach === 0) return undefined;
  return { name, from: 'increments', reach, read: () => readOpenSegment(reader, name, increments) };
}

async function findPartial(
  reader: WalReader,
  name: string,
): Promise<(WalFile & { readonly reach: number }) | undefined> {
  const object = await findObject(reader.vault, walFileKey(reader.cluster, `${name}.partial`));
  if (object === undefined) return undefined;
  const { metadata } = await headWal(reader.vault, object);
  const read = () => readPartial(reader, object, metadata);
  return { name, from: 'partial', reach: metadata.bytes, read };
}

/**
 * The bytes of one object under `wal/`, decrypted, decompressed and compared with what its metadata
 * promise; of a segment also its pages.
 *
 * @throws HoldfastError VAULT_INTEGRITY, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function* readWalObject(
  reader: WalReader,
  object: ListedObject,
): AsyncGenerator<Buffer> {
  const { metadata } = await headWal(reader.vault, object);
  const pages = pagesOf(object.key, metadata);
  for await (const piece of readPlain(reader, object, metadata)) {
    pages?.update(piece);
    yield piece;
  }
  const bytes = pages?.segmentBytes;
  if (parseWalKey(object.key)?.is === 'segment' && bytes !== metadata.bytes) {
    throw new HoldfastError(
      'VAULT_INTEGRITY',
      `${object.key} holds ${metadata.bytes} bytes of a segment of ${bytes ?? 'unknown'} bytes.`,
      { hint: 'Recovery cannot pass it: choose an earlier target.' },
    );
  }
}

/** As `readWalObject`, without looking at pages. */
async function* readPlain(
  { vault, dataKeys, cluster, signal }: WalReader,
  { key, versionId, bytes }: ListedObject,
  metadata: WalMetadata,
): AsyncGenerator<Buffer> {
  const name = key.slice(key.lastIndexOf('/') + 1);
  const context = walContext(cluster, parseWalKey(key)?.is === 'increment' ? 'increments' : name);
  const cipherText = fetchObject(vault, key, versionId, { bytes, signal });
  const stored = decryptMessage(cipherText, {
    ...{ context, cipher: { bytes }, plain: undefined },
    ...{ where: key, dataKeys },
  });
  const check = new PlainTextCheck(metadata, `plain text of ${key}`, 'its metadata');
  for await (const piece of metadata.compression === 'zstd' ? inflated(stored, key) : stored) {
    check.update(piece);
    yield piece;
  }
  check.end();
}

async function* inflated(stored: AsyncIterable<Buffer>, where: string): AsyncGenerator<Buffer> {
  const inflate = createZstdDecompress();
  // A failure of the source reaches the reader through the stream that it destroys.
  pipeline(stored, inflate, () => {});
  try {
    for await (const piece of inflate) yield piece as Buffer;
  } catch (error) {
    if (error instanceof HoldfastError || (error as { code?: string }).code === 'ABORT_ERR') {
      throw error;
    }
    const found = error instanceof Error ? error.message : String(error);
    throw new HoldfastError('VAULT_INTEGRITY', `${where} cannot be decompressed: ${found}`, {
      hint: 'Recovery cannot pass it: choose an earlier target.',
      cause: error,
    });
  }
}

async function listIncrements(reader: WalReader, segment: string): Promise<WalIncrement[]> {
  const timeline = Number.parseInt(segment.slice(0, 8), 16);
  const prefix = walIncrementsPrefix(reader.cluster, timeline, segment);
  const found: WalIncrement[] = [];
  for await (const object of listObjects(reader.vault, prefix, [])) {
    const key = parseWalKey(object.key);
    if (key?.is === 'increment') found.push({ ...object, from: key.from, to: key.to });
  }
  return found;
}

/** A segment that is still being written: its increments joined, and zeros up to its length. */
async function* readOpenSegment(
  reader: WalReader,
  segment: string,
  increments: readonly WalIncrement[],
): AsyncGenerator<Buffer> {
  let pages: PageCheck | undefined;
  let at = 0;
  for (const increment of increments.toSorted((a, b) => a.from - b.from || b.to - a.to)) {
    if (increment.from > at) break;
    if (increment.to <= at) continue;
    const { metadata } = await headWal(reader.vault, increment);
    if (metadata.bytes !== increment.to - increment.from) {
      throw new HoldfastError(
        'VAULT_INTEGRITY',
        `${increment.key} holds ${metadata.bytes} bytes, not those that its name says.`,
        { hint: 'Recovery ends before it: choose an earlier target.' },
      );
    }
    pages ??= pagesOf(increment.key, metadata);
    let offset = increment.from;
    for await (const piece of readPlain(reader, increment, metadata)) {
      const fresh = piece.subarray(Math.max(0, at - offset));
      offset += piece.length;
      if (fresh.length === 0) continue;
      pages?.update(fresh);
      at += fresh.length;
      yield fresh;
    }
  }
  const bytes = pages?.segmentBytes;
  if (bytes === undefined || at > bytes) {
    throw new HoldfastError(
      'VAULT_INTEGRITY',
      `The increments of ${segment} reach to byte ${at} of a segment of ${bytes ?? 'unknown'} bytes.`,
      { hint: 'Recovery ends before it: choose an earlier target.' },
    );
  }
  yield* zeros(bytes - at);
}

/** What a timeline that was left had of its last segment, and zeros up to its length. */
async function* readPartial(
  reader: WalReader,
  object: ListedObject,
  metadata: WalMetadata,
): AsyncGenerator<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  for await (const piece of readPlain(reader, object, metadata)) {
    if (head.length < LONG_HEAD_BYTES) {
      head = Buffer.concat([head, piece.subarray(0, LONG_HEAD_BYTES)]);
    }
    yield piece;
  }
  const bytes = segmentBytesIn(head);
  if (bytes === undefined || metadata.bytes > bytes) {
    throw new HoldfastError(
      'VAULT_INTEGRITY',
      `${object.key} holds ${metadata.bytes} bytes of a segment of ${bytes ?? 'unknown'} bytes.`,
      { hint: 'Recovery ends before it: choose an earlier target.' },
    );
  }
  yield* zeros(bytes - metadata.bytes);
}

function* zeros(bytes: number): Generator<Buffer> {
  const block = Buffer.alloc(Math.min(bytes, 1024 * 1024));
  for (let left = bytes; left > 0; left -= block.length) {
    yield left < block.length ? block.subarray(0, left) : block;
  }
}

/** For a segment, whole or not. A history has no pages, and a `.partial` old ones at its end. */
function pagesOf(key: string, metadata: WalMetadata): PageCheck | undefined {
  const parts = parseWalKey(key);
  if (parts?.is !== 'segment' && parts?.is !== 'increment') return undefined;
  const { timeline, segment } = parts;
  return new PageCheck({
    timeline,
    segment,
    systemIdentifier: metadata['system-identifier'],
    wrong: (found) =>
      new HoldfastError(
        'VAULT_INTEGRITY',
        `What the vault holds of ${segment} is not that segment: ${found}.`,
        {
          hint: 'Recovery cannot pass it: choose an earlier target, and look at who wrote it (CloudTrail).',
        },
      ),
  });
}
