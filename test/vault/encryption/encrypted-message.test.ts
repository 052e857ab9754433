import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { buildClient, CommitmentPolicy } from '@aws-crypto/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EncryptedMessage, sliceBuffer } from '../../../vault/encryption/encrypted-message.ts';
import { EncryptionThreads } from '../../../vault/encryption/encryption-threads.ts';
import { FRAME_BYTES } from '../../../vault/encryption/message-format.ts';
import { PartPool } from '../../../vault/part-pool.ts';
import { dataKeySource, rawDataKeys, writeMessage } from '../example-message.ts';

const client = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
const context = { cluster: 'orders', backup: 'label', artifact: 'db-1/1.dat.0001' };
const open1 = rawDataKeys();
const materials = (): ReturnType<ReturnType<typeof dataKeySource>> =>
  dataKeySource(open1().keyring)(context);

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-message-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('a message', () => {
  test.each([0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES + 5])(
    'of %i bytes is opened by the Encryption SDK itself, with its context',
    async (size) => {
      const plain = randomBytes(size);
      const opened = await client.decrypt(open1().keyring, writeMessage(plain, await materials()));
      expect(opened.plaintext.equals(plain)).toBe(true);
      expect(opened.messageHeader.encryptionContext).toMatchObject(context);
      expect(opened.messageHeader.frameLength).toBe(FRAME_BYTES);
    },
  );

  test('does not fit into a part that is too small', async () => {
    const message = new EncryptedMessage(await materials());
    const memory = new SharedArrayBuffer(FRAME_BYTES);
    const order = { kind: 'encrypt', message: 0, into: 0, crc32: 0, last: false } as const;
    expect(() =>
      message.encrypt(
        { ...order, from: { memory }, bytes: FRAME_BYTES },
        Buffer.alloc(FRAME_BYTES),
        sliceBuffer(),
      ),
    ).toThrow('too small');
  });
});

describe('a thread', () => {
  async function withThread(
    work: (threads: EncryptionThreads, pool: PartPool) => Promise<void>,
  ): Promise<void> {
    const pool = new PartPool(5, 2);
    const threads = new EncryptionThreads(pool.memory, 1);
    try {
      await work(threads, pool);
    } finally {
      await threads.stop();
    }
  }

  test('encrypts out of a file into shared memory, and hashes both sides', async () => {
    const plain = randomBytes(2 * FRAME_BYTES + 77);
    const path = join(directory, 'plain');
    await writeFile(path, plain);
    const file = await open(path);
    await withThread(async (threads, pool) => {
      const message = threads.begin(await materials());
      const [first, second] = [await pool.acquire(), await pool.acquire()];
      const from = { fd: file.fd, offset: 0 };
      const begun = await message.encrypt(from, FRAME_BYTES, { into: first.offset, crc32: 0 });
      const more = await message.encrypt({ ...from, offset: FRAME_BYTES }, FRAME_BYTES, {
        into: first.offset + begun.bytes,
        crc32: begun.crc32,
      });
      const end = await message.finish({ ...from, offset: 2 * FRAME_BYTES }, 77, {
        into: second.offset,
        crc32: 0,
      });
      const part = first.bytes.subarray(0, begun.bytes + more.bytes);
      expect(more.crc32).toBe(crc32(part));
      const cipher = Buffer.concat([part, second.bytes.subarray(0, end.bytes)]);
      expect(end.digests).toEqual({
        plain: createHash('sha256').update(plain).digest('hex'),
        cipher: createHash('sha256').update(cipher).digest('hex'),
      });
      expect((await client.decrypt(open1().keyring, cipher)).plaintext.equals(plain)).toBe(true);
    });
    await file.close();
  });

  test('overwrites the data key on this side as soon as it has it', async () => {
    await withThread(async (threads) => {
      const secret = await materials();
      threads.begin(secret).drop();
      expect([...secret.dataKey].every((byte) => byte === 0)).toBe(true);
    });
  });

  test('says when a file is shorter than it was, and goes on with other messages', async () => {
    const path = join(directory, 'cut');
    await writeFile(path, randomBytes(FRAME_BYTES));
    const file = await open(path);
    await truncate(path, 1_000);
    await withThread(async (threads, pool) => {
      const message = threads.begin(await materials());
      const part = await pool.acquire();
      const to = { into: part.offset, crc32: 0 };
      await expect(message.encrypt({ fd: file.fd, offset: 0 }, FRAME_BYTES, to)).rejects.toThrow(
        'shorter than it was',
      );
      const other = threads.begin(await materials());
      const { bytes } = await other.finish({ memory: new SharedArrayBuffer(3) }, 3, to);
      expect(bytes).toBeGreaterThan(3);
    });
    await file.close();
  });

  test('that has ended fails what waits for it, and what comes after', async () => {
    await withThread(async (threads, pool) => {
      const message = threads.begin(await materials());
      const part = await pool.acquire();
      await threads.stop();
      await expect(
        message.finish({ memory: new SharedArrayBuffer(0) }, 0, { into: part.offset, crc32: 0 }),
      ).rejects.toThrow('has ended');
    });
  });
});
