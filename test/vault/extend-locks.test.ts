import { GetObjectRetentionCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { extendLocks, type LockedObject } from '../../vault/extend-locks.ts';
import { type RealVault, startRealVault } from './real-vault.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

let vault: RealVault;
const now = Math.ceil(Date.now() / 1000) * 1000;

beforeAll(async () => {
  vault = await startRealVault();
});
afterAll(() => vault.stop());

async function put(Key: string, days: number): Promise<LockedObject> {
  const { VersionId = '' } = await vault.s3.send(
    new PutObjectCommand({
      ...{ Bucket: vault.bucket, Key, Body: 'x' },
      ObjectLockMode: 'COMPLIANCE',
      ObjectLockRetainUntilDate: new Date(now + days * DAY_MS),
    }),
  );
  return { key: Key, versionId: VersionId };
}

async function daysOf({ key, versionId }: LockedObject): Promise<number> {
  const { Retention } = await vault.s3.send(
    new GetObjectRetentionCommand({ Bucket: vault.bucket, Key: key, VersionId: versionId }),
  );
  return ((Retention?.RetainUntilDate?.getTime() ?? 0) - now) / DAY_MS;
}

function child(days: number) {
  const lock = { mode: 'COMPLIANCE', retainUntil: new Date(now + days * DAY_MS) } as const;
  return { ...vault, lock, signal: new AbortController().signal };
}

test('locks reach as far as the backup that needs the objects, and never less far', async () => {
  const objects = await Promise.all([1, 5, 6, 9].map((days) => put(`clusters/a/${days}`, days)));
  await extendLocks(child(6), objects);
  expect(await Promise.all(objects.map(daysOf))).toEqual([6, 6, 6, 9]);
});

test('of a key with several versions, the one that counts is meant', async () => {
  const first = await put('clusters/a/twice', 1);
  const second = await put('clusters/a/twice', 1);
  await extendLocks(child(3), [first]);
  expect([await daysOf(first), await daysOf(second)]).toEqual([3, 1]);
});

test('an object that is gone is not passed over', async () => {
  const { versionId } = await put('clusters/a/there', 1);
  const gone = { key: 'clusters/a/gone', versionId };
  await expect(extendLocks(child(3), [gone])).rejects.toMatchObject({ code: 'VAULT_UNAVAILABLE' });
});
