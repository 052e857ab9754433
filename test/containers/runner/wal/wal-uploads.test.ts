import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLog } from '../../../../containers/runner/log.ts';
import {
  WalUploads,
  type WalUploadsOptions,
  walMemory,
} from '../../../../containers/runner/wal/wal-uploads.ts';
import { pathTo } from '../../../../contract/wal-coverage.ts';
import { segmentName, segmentStart } from '../../../../contract/wal-segments.ts';
import { findTarget, segmentsAlong } from '../../../../vault/wal/segment-index.ts';
import { readWalCatalog } from '../../../../vault/wal/wal-catalog.ts';
import { MOST_AT_ONCE } from '../../../../vault/wal/wal-position.ts';
import type { WalVault } from '../../../../vault/wal/wal-vault.ts';
import { type RealVault, startRealVault } from '../../../vault/real-vault.ts';
import { exampleSegment, SEGMENT_BYTES, SYSTEM } from '../../../vault/wal/example-wal.ts';
import { HandmadeWal } from '../../../vault/wal/handmade-wal.ts';
import { walVault } from '../../../vault/wal/real-wal.ts';

let vault: RealVault;

beforeAll(async () => {
  vault = await startRealVault();
});
afterAll(() => vault.stop());

const FIRST = 3;
const start = segmentStart(FIRST, SEGMENT_BYTES);

function named(number: number): string {
  return segmentName({ timeline: 1, number }, SEGMENT_BYTES);
}

function uploadsOf(cluster: string, from = start, more: Partial<WalUploadsOptions> = {}) {
  return new WalUploads({
    vault: walVault(vault, { cluster, systemIdentifier: SYSTEM }),
    memory: walMemory(SEGMENT_BYTES),
    timeline: 1,
    start: from,
    durable: from,
    incrementsFrom: 0n,
    incrementSeconds: 60,
    log: createLog(() => undefined),
    stored: () => undefined,
    ...more,
  });
}

/** One segment and the beginning of the next one are written, whose data key comes when it is let. */
function lateKey(cluster: string) {
  const own = walVault(vault, { cluster, systemIdentifier: SYSTEM });
  const [asked, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const dataKeys: WalVault['dataKeys'] = {
    ...own.dataKeys,
    file: async (name) => {
      if (name === named(FIRST + 1)) {
        asked.resolve();
        await answer.promise;
      }
      return await own.dataKeys.file(name);
    },
  };
  const memory = walMemory(SEGMENT_BYTES);
  const uploads = uploadsOf(cluster, start, { vault: { ...own, dataKeys }, memory });
  const next = exampleSegment(named(FIRST + 1)).subarray(0, 64 * 1024);
  const writing = uploads.write(Buffer.concat([exampleSegment(named(FIRST)), next]));
  return { memory, uploads, writing, asked: asked.promise, answer: () => answer.resolve() };
}

test('what waits for a key while its connection ends leaves all memory to the next one', async () => {
  const { memory, uploads, writing, asked, answer } = lateKey('late');
  const refused = expect(writing).rejects.toThrow('the connection is over');
  await asked;
  const dropped = uploads.drop(new Error('the connection is over'));
  // As late as it may come: all else has ended.
  await uploads.flush();
  answer();
  await dropped;
  const { signal } = new AbortController();
  const taken = Array.from({ length: MOST_AT_ONCE }, () => memory.bodies.acquire(signal));
  const soon = new Promise((resolve) => setImmediate(resolve, 'not all'));
  expect(await Promise.race([Promise.all(taken), soon])).toHaveLength(MOST_AT_ONCE);
  expect(new Set(await Promise.all(taken)).size).toBe(MOST_AT_ONCE);
  await refused;
});

test('what waits for a key while its timeline ends is part of what is kept of it', async () => {
  const { uploads, writing, asked, answer } = lateKey('ended');
  await asked;
  const finished = uploads.finish();
  answer();
  await Promise.all([writing, finished]);
  expect(uploads.durable).toBe(start + BigInt(SEGMENT_BYTES + 64 * 1024));
  await expect(uploads.write(Buffer.alloc(8192))).rejects.toThrow('the timeline has ended');
  await uploads.drop(new Error('over'));
});

test('bytes of another place are not taken, and nothing of them is said to be in the vault', async () => {
  const uploads = uploadsOf('misplaced');
  await uploads.write(exampleSegment(named(FIRST)));
  const next = exampleSegment(named(FIRST + 1));
  await uploads.write(next.subarray(0, 64 * 1024));
  await uploads.flush();
  const reached = start + BigInt(SEGMENT_BYTES + 64 * 1024);
  expect(uploads.durable).toBe(reached);
  // A page that is written over by one that comes later.
  const wrong = Buffer.from(next.subarray(64 * 1024));
  next.copy(wrong, 8192, 256 * 1024, 256 * 1024 + 8192);
  await expect(uploads.write(wrong)).rejects.toThrow(
    `What came is not ${named(FIRST + 1)}: the page at`,
  );
  await uploads.flush();
  expect(uploads.durable).toBe(reached);
  await uploads.drop(new Error('over'));
});

test("another server's bytes are not taken", async () => {
  const uploads = uploadsOf('foreign');
  const foreign = exampleSegment(named(FIRST), { system: '7400000000000000001' });
  await expect(uploads.write(foreign)).rejects.toThrow('its pages are of system');
  await uploads.flush();
  expect(uploads.durable).toBe(start);
  await uploads.drop(new Error('over'));
});

test('a commit that a streamer which began in the midst of it has not seen is found all the same', async () => {
  const [early, late] = ['2026-11-20T04:00:01Z', '2026-11-20T04:00:05Z'].map((at) => new Date(at));
  const wal = new HandmadeWal(FIRST, 2);
  wal.commit(700, early as Date);
  wal.fillUpTo(0, 16);
  // Its record begins in one segment and ends in the next.
  wal.commit(701, late as Date);
  wal.fillUpTo(1, 0);
  const put = async (cluster: string, index: number) => {
    const at = start + BigInt(index * SEGMENT_BYTES);
    const uploads = uploadsOf(cluster, at);
    await uploads.write(wal.segment(index));
    await uploads.flush();
    await uploads.finish();
    expect(uploads.durable).toBe(at + BigInt(SEGMENT_BYTES));
  };
  const search = async (cluster: string, target: Parameters<typeof findTarget>[2]) => {
    const segments = segmentsAlong(await readWalCatalog(vault, cluster), pathTo(1, []), start);
    const reader = { vault, dataKeys: vault.dataKeys, cluster };
    const { segment, lastCommit, unindexed } = await findTarget(reader, segments, target);
    return [segment?.name, lastCommit?.at, unindexed];
  };
  await put('resumed', 0);
  await put('resumed', 1);
  const seen = '2026-11-20T04:00:01.000000Z';
  expect(
    await search('resumed', { time: BigInt((early as Date).getTime()) * 1000n, inclusive: true }),
  ).toEqual([named(FIRST + 1), seen, 0]);
  expect(await search('resumed', { xid: 701n })).toEqual([named(FIRST + 1), seen, 0]);
  const last = '2026-11-20T04:00:05.000000Z';
  expect(await search('resumed', { xid: 702n })).toEqual([undefined, last, 0]);
  // Without the segment that it begins in nobody knows what it is.
  await put('begun', 1);
  expect(await search('begun', { xid: 702n })).toEqual([undefined, undefined, 1]);
});
