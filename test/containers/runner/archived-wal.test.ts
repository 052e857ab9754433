import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { archivedWal } from '../../../containers/runner/physical/archived-wal.ts';
import { walFileKey, walIncrementKey } from '../../../contract/wal-keys.ts';
import { CLUSTER, type RealVault, startRealVault } from '../../vault/real-vault.ts';
import { SYSTEM } from '../../vault/wal/real-wal.ts';

const MIB = 1024 * 1024;
const SEGMENTS = ['03', '04', '05', '06'].map((number) => `0000000100000000000000${number}`);
const [FIRST = '', SECOND = '', THIRD = '', FOURTH = ''] = SEGMENTS;
const LABEL = '20261120T040000Z-physical-full-8a4b0d';

let vault: RealVault;

beforeAll(async () => {
  vault = await startRealVault();
  for (const segment of [FIRST, SECOND]) await put(walFileKey(CLUSTER, segment));
  await put(walIncrementKey(CLUSTER, THIRD, 0, 0x100));
  await put(walIncrementKey(CLUSTER, THIRD, 0x100, 0x300));
  await put(walIncrementKey(CLUSTER, FOURTH, 0x100, 0x300));
});
afterAll(() => vault.stop());

async function put(Key: string, system = SYSTEM): Promise<void> {
  const Metadata = {
    ...{ sha256: '0'.repeat(64), bytes: '3', compression: 'none', 'system-identifier': system },
  };
  await vault.s3.send(new PutObjectCommand({ Bucket: vault.bucket, Key, Body: 'wal', Metadata }));
}

async function find(start: string, end: string, withinMs = 0): Promise<string[]> {
  const log = { info: () => {}, warn: () => {}, error: () => {}, hide: () => {} };
  const found = await archivedWal({
    ...{ vault: vault.backup(LABEL), segmentBytes: 16 * MIB, log, withinMs },
    systemIdentifier: SYSTEM,
    ranges: [{ timeline: 1, start, end }],
  });
  expect(found.every(({ versionId }) => versionId !== '')).toBe(true);
  return found.map(({ key }) => key.split('/').slice(4).join('/'));
}

describe('the WAL that a base backup needs is there', () => {
  test('in whole segments, from the one that it starts in to the one that it ends in', async () => {
    expect(await find('0/3000028', '0/3000158')).toEqual([FIRST]);
    // The end is the first byte that is not needed.
    expect(await find('0/3000028', '0/4000000')).toEqual([FIRST]);
    expect(await find('0/3000028', '0/4000001')).toEqual([FIRST, SECOND]);
  });

  test('in increments of the segment that is still written', async () => {
    // They are not to be locked any longer.
    expect(await find('0/4000028', '0/5000300')).toEqual([SECOND]);
  });

  test('once the streamer has put it there', async () => {
    const found = find('0/8000028', '0/8000158', 60_000);
    const eighth = '000000010000000000000008';
    await put(walFileKey(CLUSTER, eighth));
    expect(await found).toEqual([eighth]);
  });
});

describe('it is not there', () => {
  test.each([
    ['a byte short', '0/5000028', '0/5000301'],
    ['with a gap at the start', '0/6000028', '0/6000200'],
    ['not at all', '0/7000028', '0/7000158'],
  ])('%s', async (_, start, end) => {
    await expect(find(start, end)).rejects.toMatchObject({ code: 'DUMP_INCOMPLETE' });
  });

  test("because what is there is another server's", async () => {
    await put(walFileKey(CLUSTER, '000000010000000000000009'), '42');
    await put(walIncrementKey(CLUSTER, '00000001000000000000000A', 0, 0x300), '42');
    for (const segment of ['0/9', '0/A']) {
      await expect(find(`${segment}000028`, `${segment}000128`)).rejects.toMatchObject({
        code: 'WAL_CONFLICT',
        message: expect.stringContaining('is WAL of the system 42'),
      });
    }
  });
});
