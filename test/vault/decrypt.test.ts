import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { HoldfastError } from '../../contract/errors.ts';
import { type DecryptRequest, decryptMessage } from '../../vault/decryption/decrypt.ts';
import { collect, digestOf, encryptExample, inPieces, rawDataKeys } from './example-message.ts';

const context = { cluster: 'orders', backup: 'label', artifact: 'db-1/pack.tar.0001' };
const dataKeys = rawDataKeys();

async function example(bytes: number): Promise<{ plain: Buffer; cipher: Buffer }> {
  const plain = randomBytes(bytes);
  return { plain, cipher: await encryptExample(plain, context, dataKeys) };
}

function request(plain: Buffer, cipher: Buffer): DecryptRequest {
  return {
    context,
    plain: digestOf(plain),
    cipher: digestOf(cipher),
    where: 'clusters/orders/x',
    dataKeys,
  };
}

async function failure(stream: AsyncIterable<Buffer>): Promise<HoldfastError> {
  return await collect(stream).then(
    () => {
      throw new Error('It was decrypted.');
    },
    (error: HoldfastError) => error,
  );
}

test.each([0, 1, 1023, 1024, 1025, 10_000])(
  'decrypts %i bytes in frames of 1024',
  async (bytes) => {
    const { plain, cipher } = await example(bytes);
    for (const size of [1, 7, 1024, cipher.length]) {
      const found = await collect(decryptMessage(inPieces(cipher, size), request(plain, cipher)));
      expect(found.equals(plain)).toBe(true);
    }
  },
);

test('refuses a message that was written for another artifact, and one that binds more', async () => {
  const plain = randomBytes(3000);
  for (const other of [
    { ...context, artifact: 'db-2/pack.tar.0001' },
    { ...context, extra: 'x' },
  ]) {
    const cipher = await encryptExample(plain, other, dataKeys);
    const found = await failure(decryptMessage(inPieces(cipher, 100), request(plain, cipher)));
    expect(found.code).toBe('VAULT_INTEGRITY');
    expect(found.message).toContain('was written for');
  }
});

test('refuses another key', async () => {
  const plain = randomBytes(10);
  const cipher = await encryptExample(plain, context, rawDataKeys());
  const found = await failure(decryptMessage(inPieces(cipher, 100), request(plain, cipher)));
  expect(found.code).toBe('VAULT_INTEGRITY');
});

test('refuses any changed byte, wherever it stands, without ever ending the process', async () => {
  const { plain, cipher } = await example(2500);
  for (let at = 0; at < cipher.length; at += at < 600 || at % 1024 < 80 ? 1 : 13) {
    const changed = Buffer.from(cipher);
    changed[at] = (changed[at] ?? 0) ^ 0x41;
    // The digest is made to agree, so that it is the message's own authentication that refuses.
    const found = await failure(decryptMessage(inPieces(changed, 700), request(plain, changed)));
    expect([at, found.code]).toEqual([at, 'VAULT_INTEGRITY']);
  }
});

test('refuses what follows the last frame', async () => {
  const { plain, cipher } = await example(1500);
  const more = Buffer.concat([cipher, Buffer.from('x')]);
  const found = await failure(decryptMessage(inPieces(more, 500), request(plain, more)));
  expect(found.message).toContain('something follows its end');
});

test('refuses a message cut off at any byte', async () => {
  const { plain, cipher } = await example(1500);
  for (let length = 0; length < cipher.length; length += 97) {
    const cut = cipher.subarray(0, length);
    const found = await failure(decryptMessage(inPieces(cut, 500), request(plain, cut)));
    expect([length, found.code]).toEqual([length, 'VAULT_INTEGRITY']);
  }
});

test('refuses bytes that are not those of the manifest', async () => {
  const { plain, cipher } = await example(1500);
  const other = digestOf(randomBytes(1500));
  const wrongPlain = { ...request(plain, cipher), plain: other };
  expect((await failure(decryptMessage(inPieces(cipher, 500), wrongPlain))).message).toContain(
    'plain text of clusters/orders/x is not what was backed up: SHA-256',
  );
  for (const more of [1, -1]) {
    const bytes = cipher.length + more;
    const otherCipher = { ...request(plain, cipher), cipher: { ...digestOf(cipher), bytes } };
    expect((await failure(decryptMessage(inPieces(cipher, 500), otherCipher))).message).toMatch(
      new RegExp(
        `cipher text of clusters/orders/x is not what was backed up: .* ${more < 0 ? 'the ' : 'states '}${bytes}`,
      ),
    );
  }
  const shorter = { ...request(plain, cipher), plain: { ...other, bytes: 1499 } };
  expect((await failure(decryptMessage(inPieces(cipher, 500), shorter))).message).toContain(
    'more than the 1499 bytes',
  );
});

test('names the permission that KMS refused', async () => {
  const { plain, cipher } = await example(10);
  const denied = Object.assign(new Error('not authorized'), { name: 'AccessDeniedException' });
  const refusing = () => ({ ...rawDataKeys()(), failure: () => denied, key: 'arn:key' });
  const found = await failure(
    decryptMessage(inPieces(cipher, 100), { ...request(plain, cipher), dataKeys: refusing }),
  );
  expect(found.code).toBe('VAULT_DENIED');
  expect(found.message).toContain('kms:Decrypt on arn:key');
});

test('hands on a failure of the source as it is, and stops when its reader leaves', async () => {
  const { plain, cipher } = await example(5000);
  async function* broken(): AsyncGenerator<Buffer> {
    yield cipher.subarray(0, 2000);
    throw Object.assign(new Error('gone'), { name: 'AbortError' });
  }
  await expect(collect(decryptMessage(broken(), request(plain, cipher)))).rejects.toThrow('gone');

  let closed = false;
  async function* watched(): AsyncGenerator<Buffer> {
    try {
      yield* inPieces(cipher, 100);
    } finally {
      closed = true;
    }
  }
  for await (const _chunk of decryptMessage(watched(), request(plain, cipher))) break;
  await expect.poll(() => closed).toBe(true);
});
