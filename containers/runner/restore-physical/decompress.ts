import { PassThrough, Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { HoldfastError } from '../../../contract/errors.ts';
import { WatchedSource } from '../../../vault/watched-source.ts';

/** What a decompressor hands on at a time, bytes. */
const CHUNK_BYTES = 1024 * 1024;
/** What a stream begins with; a tar begins with a file's name, which is none of these. */
const MAGIC = [
  { bytes: Buffer.from('28b52ffd', 'hex'), decompressor: zstd },
  { bytes: Buffer.from('1f8b', 'hex'), decompressor: gzip },
  { bytes: Buffer.from('04224d18', 'hex'), decompressor: lz4 },
] as const;

/**
 * A tar's bytes, whatever it was compressed with: pg_basebackup leaves pg_wal.tar uncompressed where it
 * compresses the others.
 *
 * @throws HoldfastError VAULT_INTEGRITY when the stream is cut off or is not what it begins as
 */
export async function* decompress(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const source = new WatchedSource(bytes);
  const whole = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < 4) {
    const next = await whole.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const kind = MAGIC.find(({ bytes: magic }) => head.subarray(0, magic.length).equals(magic));
  const input = withHead(head, whole);
  if (kind === undefined) {
    yield* input;
    return;
  }
  const output = new PassThrough({ highWaterMark: CHUNK_BYTES });
  const feeding = pipeline(
    Readable.from(input, { objectMode: false }),
    kind.decompressor(),
    output,
  );
  // Awaited only after the loop; a rejection that nobody awaits yet would end the process.
  feeding.catch(() => {});
  try {
    for await (const chunk of output) yield chunk as Buffer;
    await feeding;
  } catch (error) {
    await feeding.catch(() => {});
    if (source.failure !== undefined) throw source.failure.error;
    throw undecodable(error);
  } finally {
    output.destroy();
  }
}

async function* withHead(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    if (head.length > 0) yield head;
    for (;;) {
      const next = await rest.next();
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await rest.return?.();
  }
}

function zstd(): Transform {
  return createZstdDecompress({ chunkSize: CHUNK_BYTES });
}

function gzip(): Transform {
  return createGunzip({ chunkSize: CHUNK_BYTES });
}

function lz4(): Transform {
  throw new HoldfastError('RESTORE_REFUSED', 'The backup is compressed with lz4.', {
    hint: 'Fetch and decrypt it with stock tools, and decompress it with lz4 (docs/FORMAT.md).',
  });
}

function undecodable(cause: unknown): unknown {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (cause instanceof HoldfastError || !/^(Z_|ZSTD_|ERR_)/.test(code ?? '')) return cause;
  return new HoldfastError('VAULT_INTEGRITY', `A tar cannot be decompressed: ${message}.`, {
    hint: 'Nothing was restored. Use another backup, and report this one.',
    cause,
  });
}
