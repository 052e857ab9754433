import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchObject, fetchVersion } from '../../vault/fetch-object.ts';
import { collect } from './example-message.ts';
import { type FakeS3, put, startFakeS3 } from './fake-s3.ts';

let fake: FakeS3;
beforeEach(async () => {
  fake = await startFakeS3();
});
afterEach(() => fake.close());

const options = { bytes: 300_000, firstPauseMs: 1 };

test('takes a torn connection up again from the last byte', async () => {
  const body = randomBytes(300_000);
  const versionId = put(fake, 'a/b', body);
  fake.breakAfter = (request) => (request <= 3 ? 70_000 : undefined);
  const found = await collect(fetchObject(fake, 'a/b', versionId, options));
  expect(found.equals(body)).toBe(true);
  expect(fake.requests).toEqual([
    'GET a/b?v1',
    'GET a/b?v1 bytes=70000-',
    'GET a/b?v1 bytes=140000-',
    'GET a/b?v1 bytes=210000-',
  ]);
});

test('goes on from the last byte once S3 answers again', async () => {
  const body = randomBytes(300_000);
  put(fake, 'a', body);
  fake.breakAfter = (request) => (request === 1 ? 70_000 : undefined);
  let refused = 0;
  fake.refuse = () => {
    if (fake.requests.length === 0 || refused === 7) return undefined;
    refused += 1;
    return 'SlowDown';
  };
  expect((await collect(fetchObject(fake, 'a', 'v1', options))).equals(body)).toBe(true);
  expect(refused).toBe(7);
  expect(fake.requests).toEqual(['GET a?v1', 'GET a?v1 bytes=70000-']);
});

test('gives up after nine connections that brought nothing', async () => {
  put(fake, 'a', randomBytes(300_000));
  fake.breakAfter = (request) => (request === 1 ? 1000 : 0);
  await expect(collect(fetchObject(fake, 'a', 'v1', options))).rejects.toMatchObject({
    code: 'VAULT_UNAVAILABLE',
  });
  expect(fake.requests).toHaveLength(9);
});

test('asks again for the whole of a small object whose body breaks off', async () => {
  const versionId = put(fake, 'a.json', '{"label": "é"}');
  fake.breakAfter = (request) => (request <= 4 ? 12 : undefined);
  expect(await fetchVersion(fake, 'a.json', versionId, 1)).toBe('{"label": "é"}');
  expect(fake.requests).toHaveLength(5);
  fake.breakAfter = () => 12;
  await expect(fetchVersion(fake, 'a.json', versionId, 1)).rejects.toMatchObject({
    code: 'VAULT_UNAVAILABLE',
  });
  expect(fake.requests).toHaveLength(10);
});

test('reads the pinned version, and says when it is gone or refused', async () => {
  put(fake, 'a', 'first');
  put(fake, 'a', 'forged');
  expect(await collect(fetchObject(fake, 'a', 'v1', { bytes: 5 }))).toEqual(Buffer.from('first'));
  await expect(collect(fetchObject(fake, 'a', 'v9', options))).rejects.toMatchObject({
    code: 'VAULT_INTEGRITY',
  });
  fake.refuse = () => 'AccessDenied';
  await expect(collect(fetchObject(fake, 'a', 'v1', options))).rejects.toMatchObject({
    code: 'VAULT_DENIED',
    message: expect.stringContaining('s3:GetObjectVersion on a'),
  });
});

test('stops when told to', async () => {
  put(fake, 'a', randomBytes(300_000));
  fake.breakAfter = () => 10;
  const controller = new AbortController();
  const reason = new Error('told to stop');
  const fetching = fetchObject(fake, 'a', 'v1', { ...options, signal: controller.signal });
  await fetching.next();
  controller.abort(reason);
  await expect(collect(fetching)).rejects.toBe(reason);
});
