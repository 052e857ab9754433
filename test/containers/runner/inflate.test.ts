import { randomBytes } from 'node:crypto';
import { constants, createZstdDecompress, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { DirectInflate, handleOf } from '../../../containers/runner/inflate/direct-inflate.ts';
import type { Inflate, Into } from '../../../containers/runner/inflate/inflate.ts';
import { inflateZstd } from '../../../containers/runner/inflate/make-inflate.ts';
import { QueuedInflate } from '../../../containers/runner/inflate/queued-inflate.ts';

const CHUNK = 4096;
/** Some of it compresses to nothing, some not at all. */
const PLAIN = Buffer.concat([randomBytes(70_000), Buffer.alloc(300_000), randomBytes(50_000)]);
const COMPRESSED = zstdCompressSync(PLAIN, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });

test('this Node has what decompresses without another thread', () => {
  expect(inflateZstd(CHUNK, () => {})).toBeInstanceOf(DirectInflate);
  expect(handleOf({} as never)).toBeUndefined();
});

test('frames may follow each other, and nothing else may', async () => {
  const found: Buffer[] = [];
  const inflate = inflateZstd(CHUNK, (piece) => found.push(Buffer.from(piece)));
  await inflate.take(Buffer.concat([COMPRESSED, COMPRESSED]));
  await inflate.end();
  expect(Buffer.concat(found).equals(Buffer.concat([PLAIN, PLAIN]))).toBe(true);
  await expect(
    inflateZstd(CHUNK, () => {}).take(Buffer.concat([COMPRESSED, Buffer.from('garbage')])),
  ).rejects.toMatchObject({ code: 'ZSTD_error_prefix_unknown' });
});

test('what has failed or ended fails again, and ends nobody', async () => {
  const broken = inflateZstd(CHUNK, () => {});
  for (let times = 0; times < 2; times += 1) {
    const taking = broken.take(Buffer.from('no zstd at all'));
    await expect(taking).rejects.toMatchObject({ code: 'ZSTD_error_prefix_unknown' });
  }
  const refused = inflateZstd(CHUNK, () => {
    throw new Error('seen enough');
  });
  await expect(refused.take(COMPRESSED)).rejects.toThrow('seen enough');
  await expect(refused.end()).rejects.toThrow('seen enough');
  const ended = inflateZstd(CHUNK, () => {});
  await ended.take(COMPRESSED);
  await ended.end();
  await expect(ended.take(COMPRESSED)).rejects.toThrow('ended');
});

describe.each<[string, (into: Into) => Inflate]>([
  ['directly', (into) => inflateZstd(CHUNK, into)],
  [
    'through a queue',
    (into) => new QueuedInflate(createZstdDecompress({ chunkSize: CHUNK }), CHUNK, into),
  ],
])('%s', (_, make) => {
  async function inflated(compressed: Buffer, pieceBytes: number): Promise<Buffer> {
    const found: Buffer[] = [];
    const inflate = make((piece) => {
      expect(piece.length).toBeLessThanOrEqual(CHUNK);
      found.push(Buffer.from(piece));
    });
    for (let at = 0; at < compressed.length; at += pieceBytes) {
      await inflate.take(compressed.subarray(at, at + pieceBytes));
    }
    await inflate.end();
    return Buffer.concat(found);
  }

  test.each([1, 777, COMPRESSED.length])('pieces of %i bytes', async (pieceBytes) => {
    expect((await inflated(COMPRESSED, pieceBytes)).equals(PLAIN)).toBe(true);
  });

  test('what is cut off, even by a byte, or damaged, is an error', async () => {
    for (const bytes of [COMPRESSED.length - 1, COMPRESSED.length / 2, 3]) {
      await expect(inflated(COMPRESSED.subarray(0, bytes), 1000)).rejects.toMatchObject({
        code: 'Z_BUF_ERROR',
      });
    }
    const damaged = Buffer.from(COMPRESSED);
    damaged[60_000] = (damaged[60_000] ?? 0) ^ 1;
    await expect(inflated(damaged, 1000)).rejects.toMatchObject({ code: /ZSTD_error/ });
  });

  test('what looks at a piece may end it', async () => {
    const inflate = make(() => {
      throw new Error('seen enough');
    });
    await expect(
      (async () => {
        await inflate.take(COMPRESSED);
        await inflate.end();
      })(),
    ).rejects.toThrow('seen enough');
  });
});
