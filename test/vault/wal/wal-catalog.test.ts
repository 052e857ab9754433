import { DeleteObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gapsOf } from '../../../contract/wal-coverage.ts';
import { durableEnd, readWalCatalog } from '../../../vault/wal/wal-catalog.ts';
import { type RealVault, startRealVault } from '../real-vault.ts';
import { exampleSegment, putIncrement, putWal, SEGMENT_BYTES } from './example-wal.ts';

let vault: RealVault;
beforeAll(async () => {
  vault = await startRealVault();
}, 60_000);
afterAll(() => vault.stop());

function named(number: number, timeline = 1): string {
  const [first, second] = [timeline, number].map((value) => value.toString(16).padStart(8, '0'));
  return `${first}00000000${second}`.toUpperCase();
}

async function put(cluster: string, ...numbers: readonly number[]): Promise<void> {
  for (const number of numbers) {
    await putWal(vault, cluster, named(number), exampleSegment(named(number)));
  }
}

test('a cluster without WAL has no timeline', async () => {
  const catalog = await readWalCatalog(vault, 'none');
  expect(catalog.timelines).toEqual([]);
  expect(durableEnd(catalog)).toBeUndefined();
});

test('joins whole segments, and the increments of the open one', async () => {
  await put('open', 2, 3);
  const open = exampleSegment(named(4));
  await putIncrement(vault, 'open', named(4), [0, 1000], open);
  await putIncrement(vault, 'open', named(4), [1000, 9000], open);
  await putIncrement(vault, 'open', named(4), [9001, 9002], open);
  // Of a whole segment: they were there before it, and are not looked at.
  await putIncrement(vault, 'open', named(3), [0, 500], exampleSegment(named(3)));
  const catalog = await readWalCatalog(vault, 'open');
  expect(catalog).toMatchObject({ segmentBytes: SEGMENT_BYTES, warnings: [] });
  expect(durableEnd(catalog)).toEqual({ timeline: 1, lsn: 0x40_0000n + 9000n });
  const [timeline] = catalog.timelines;
  expect(timeline?.ranges).toEqual([{ from: 0x20_0000n, to: 0x40_2328n }]);
  expect([...(timeline?.increments.keys() ?? [])]).toEqual([4]);
  expect([...(timeline?.segments.keys() ?? [])]).toEqual([2, 3]);
});

test('names what is missing, and fills a hole whose increments are complete', async () => {
  await put('gap', 1, 3, 6);
  await putIncrement(vault, 'gap', named(2), [0, SEGMENT_BYTES], exampleSegment(named(2)));
  await putIncrement(vault, 'gap', named(4), [0, 10], exampleSegment(named(4)));
  await putIncrement(vault, 'gap', named(7), [10, 20], exampleSegment(named(7)));
  const [timeline] = (await readWalCatalog(vault, 'gap')).timelines;
  expect(timeline?.ranges).toEqual([
    { from: 0x10_0000n, to: 0x40_000an },
    { from: 0x60_0000n, to: 0x70_0000n },
  ]);
  expect(timeline && gapsOf(timeline, SEGMENT_BYTES)).toMatchObject([
    { first: named(4), last: named(5), segments: 2 },
  ]);
  const open = [...(timeline?.increments.keys() ?? [])];
  expect(open).toEqual([2, 4, 7]);
});

test('keeps timelines apart, with histories and partial segments', async () => {
  await put('lines', 1, 2);
  await putWal(vault, 'lines', `${named(3)}.partial`, exampleSegment(named(3)));
  await putWal(vault, 'lines', '00000002.history', Buffer.from('1\t0/300100\tx\n'));
  await putWal(vault, 'lines', named(3, 2), exampleSegment(named(3, 2), { switchAtPage: 1 }));
  const catalog = await readWalCatalog(vault, 'lines');
  expect(catalog.timelines.map(({ timeline }) => timeline)).toEqual([1, 2]);
  expect(durableEnd(catalog)).toEqual({ timeline: 2, lsn: 0x40_0000n });
  const [first, second] = catalog.timelines;
  expect([...(first?.partials.keys() ?? [])]).toEqual([3]);
  expect(first?.history).toBeUndefined();
  expect(second?.history?.key).toMatch(/00000002\.history$/);
  const only = await readWalCatalog(vault, 'lines', { timelines: [2] });
  expect(only.timelines.map(({ timeline }) => timeline)).toEqual([2]);
});

test('counts the oldest version, whatever lies over it', async () => {
  await put('traces', 1, 2);
  const before = (await readWalCatalog(vault, 'traces')).timelines[0]?.segments.get(1);
  const key = await putWal(vault, 'traces', named(1), exampleSegment(named(1)));
  await vault.s3.send(new DeleteObjectCommand({ Bucket: vault.bucket, Key: key }));
  const after = (await readWalCatalog(vault, 'traces')).timelines[0]?.segments.get(1);
  // The local S3 server dates a version anew when another one is laid over it; S3 does not.
  expect({ ...after, lastModified: before?.lastModified }).toEqual({
    ...before,
    versions: 2,
    deleteMarkers: 1,
  });
});

test('warns of what is no WAL', async () => {
  await put('odd', 1);
  // A name that segments of 1 MiB do not have.
  await putWal(vault, 'odd', '000000010000000000001000', exampleSegment(named(1)));
  await putWal(vault, 'odd', '00000001.txt', Buffer.from('x'));
  const { warnings, timelines } = await readWalCatalog(vault, 'odd');
  expect(warnings).toHaveLength(2);
  expect(timelines[0]?.ranges).toHaveLength(1);
});

test('asks once for a thousand segments, and never for increments of whole ones', async () => {
  const asked: string[] = [];
  const s3 = {
    send: (command: Parameters<S3Client['send']>[0]) => {
      asked.push(command.constructor.name);
      return vault.s3.send(command);
    },
  } as unknown as S3Client;
  await readWalCatalog({ s3, bucket: vault.bucket }, 'open');
  // Timelines, the timeline's files, increments before the first and after the last.
  expect(asked.filter((name) => name === 'ListObjectVersionsCommand')).toHaveLength(4);
  expect(asked.filter((name) => name === 'HeadObjectCommand')).toHaveLength(1);
});
