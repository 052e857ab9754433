import { afterEach, beforeEach, expect, test } from 'vitest';
import { findBackup, listBackups, listClusters, readManifest } from '../../vault/catalog.ts';
import { putExampleBackup } from '../containers/restore/example-backup.ts';
import { rawDataKeys } from './example-message.ts';
import { type FakeS3, put, startFakeS3 } from './fake-s3.ts';

const FIRST = '20261120T030000Z-logical-full-7f3a9c';
const SECOND = '20261121T030000Z-logical-full-1b2c3d';

let fake: FakeS3;
beforeEach(async () => {
  fake = await startFakeS3();
  for (const label of [SECOND, FIRST]) {
    await putExampleBackup(fake, rawDataKeys(), { label, files: { 'toc.dat': Buffer.from('x') } });
  }
});
afterEach(() => fake.close());

function keyOf(label: string): string {
  return `clusters/orders/catalog/${label}.json`;
}

test('lists by label, over pages, and finds the latest', async () => {
  fake.pageSize = 1;
  const { entries, warnings } = await listBackups(fake, 'orders');
  expect(entries.map(({ label }) => label)).toEqual([FIRST, SECOND]);
  expect(warnings).toEqual([]);
  expect((await findBackup(fake, 'orders', undefined)).label).toBe(SECOND);
  expect((await findBackup(fake, 'orders', FIRST)).label).toBe(FIRST);
  expect(await listClusters(fake)).toEqual(['orders']);
});

test('is not fooled by a forged second version or a delete marker, on whichever page they stand', async () => {
  put(fake, keyOf(FIRST), '{"forged": true}');
  put(fake, keyOf(FIRST), undefined);
  for (fake.pageSize of [1, 2, 1000]) {
    const entry = await findBackup(fake, 'orders', FIRST);
    expect(entry.versionId).toBe('v1');
    expect(entry.warnings).toHaveLength(2);
    expect((await readManifest(fake, entry)).label).toBe(FIRST);
  }
});

test('refuses a manifest that is about another backup', async () => {
  const stolen = fake.objects.get(keyOf(FIRST))?.[0]?.body;
  const label = '20261122T030000Z-logical-full-000000';
  put(fake, keyOf(label), stolen);
  await expect(readManifest(fake, await findBackup(fake, 'orders', label))).rejects.toMatchObject({
    code: 'VAULT_INTEGRITY',
  });
});

test('tells of keys that it does not know, but not of roll-ups', async () => {
  put(fake, 'clusters/orders/catalog/rollup/2026-10.json', '{}');
  put(fake, 'clusters/orders/catalog/20261120T030000Z-snapshot-full-7f3a9c.json', '{}');
  put(fake, keyOf('20261123T030000Z-logical-full-000000'), undefined);
  const { entries, warnings } = await listBackups(fake, 'orders');
  expect(entries).toHaveLength(2);
  expect(warnings).toHaveLength(2);
});

test('says what is not there, and what is not allowed', async () => {
  await expect(findBackup(fake, 'orders', 'nope')).rejects.toMatchObject({
    code: 'BACKUP_UNKNOWN',
  });
  await expect(findBackup(fake, 'other', undefined)).rejects.toMatchObject({
    code: 'BACKUP_UNKNOWN',
  });
  fake.refuse = () => 'AccessDenied';
  await expect(listBackups(fake, 'orders')).rejects.toMatchObject({
    code: 'VAULT_DENIED',
    message: expect.stringContaining('s3:ListBucketVersions'),
  });
});
