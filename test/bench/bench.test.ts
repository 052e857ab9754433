import {
  GetObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BenchCloud, PLAIN_BUCKET, startBenchCloud } from './bench-cloud.ts';
import { rowsDataset } from './dataset.ts';
import { fallsShort, inTurn, percentile, ratio, table } from './figures.ts';
import { measureBackup } from './measure.ts';
import { measureBase } from './measure-base.ts';
import { measureChain } from './measure-chain.ts';
import { measureWal } from './measure-wal.ts';

const silent = (): void => undefined;

describe('the benchmark', () => {
  let bench: BenchCloud;
  beforeAll(async () => {
    // More than the 8 MiB from which on aws uploads in parts: what it sends below that, in one piece
    // with a checksum behind it, the local S3 server hangs up on.
    bench = await startBenchCloud(rowsDataset(0.025), silent, { changes: true });
  });
  afterAll(() => bench?.stop());

  test('measures a backup and each alternative to it', async () => {
    const measured = await measureBackup(bench, { rounds: 1, log: silent });
    expect(measured.figures).toHaveLength(5);
    for (const { name, value } of measured.figures) {
      expect(value, name).toBeGreaterThan(0);
      expect(Number.isFinite(value), name).toBe(true);
    }
    expect(Object.values(measured.rounds).map(({ length }) => length)).toEqual([1, 1, 1, 1, 1]);
  });

  test('measures a base backup and each alternative to it', async () => {
    const measured = await measureBase(bench, { rounds: 1, log: silent });
    expect(measured.figures).toHaveLength(6);
    for (const { name, value } of measured.figures) {
      expect(value, name).toBeGreaterThan(0);
      expect(Number.isFinite(value), name).toBe(true);
    }
    // pgBackRest writes this last, and here encrypted.
    const [manifest = ''] = await plainKeys(/^pgbackrest-.*\/\d{8}-\d{6}F\/backup\.manifest$/);
    expect(await plainText(manifest)).toMatch(/^Salted__/);
    const [info = ''] = await plainKeys(/^barman-.*\/backup\.info$/);
    expect(await plainText(info)).toContain('status=DONE');
  });

  test('measures the restore of a chain, and what unpacks and combines one', async () => {
    const measured = await measureChain(bench, { rounds: 1, log: silent });
    expect(measured.figures).toHaveLength(9);
    for (const { name, value } of measured.figures) {
      expect(value, name).toBeGreaterThan(0);
      expect(Number.isFinite(value), name).toBe(true);
    }
  });

  // The last one: it stops the standby.
  test('measures WAL on its way into the vault', async () => {
    const load = { bytes: 5e7, seconds: 3 };
    const measured = await measureWal(bench, { rounds: 1, log: silent, ...load });
    const values = measured.figures.map(({ unit, value }) => [unit, value] as const);
    expect(values.map(([unit]) => unit)).toEqual(['MB/s', 's', 's', 'looks', 'MiB']);
    for (const [unit, value] of values) {
      if (unit === 'looks') expect(value, 'acknowledged before the vault had it').toBe(0);
      else expect(value, unit).toBeGreaterThan(0);
    }
    expect(measured.notes.commits).toBeGreaterThan(0);
  });

  async function plainKeys(pattern: RegExp): Promise<string[]> {
    const keys: string[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page: ListObjectsV2CommandOutput = await bench.cloud.s3.send(
        new ListObjectsV2Command({ Bucket: PLAIN_BUCKET, ContinuationToken }),
      );
      keys.push(...(page.Contents ?? []).map(({ Key = '' }) => Key));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    return keys.filter((key) => pattern.test(key));
  }

  async function plainText(Key: string): Promise<string> {
    const { Body } = await bench.cloud.s3.send(new GetObjectCommand({ Bucket: PLAIN_BUCKET, Key }));
    return (await Body?.transformToString('latin1')) ?? '';
  }
});

describe('figures', () => {
  test('fall short above their limit, or when they are no number', () => {
    const figure = { name: 'size', unit: '×', atMost: 1 } as const;
    expect(fallsShort({ ...figure, value: 1 })).toBe(false);
    expect(fallsShort({ ...figure, value: 1.01 })).toBe(true);
    expect(fallsShort({ ...figure, value: Number.NaN })).toBe(true);
    expect(fallsShort({ name: 'size', unit: '×', value: 9 })).toBe(false);
  });

  test('fall short below their least', () => {
    const figure = { name: 'rate', unit: 'MB/s', atLeast: 80 } as const;
    expect(fallsShort({ ...figure, value: 80 })).toBe(false);
    expect(fallsShort({ ...figure, value: 79.9 })).toBe(true);
  });

  test('take percentiles from what was measured', () => {
    const values = [5, 1, 4, 2, 3];
    expect(percentile(values, 50)).toBe(3);
    expect(percentile(values, 99)).toBe(5);
    expect(percentile(values, 0)).toBe(1);
    expect(percentile([], 50)).toBeNaN();
  });

  test('compare the best of each', () => {
    expect(ratio([3, 2, 4], [5, 4, 8])).toBe(0.5);
  });

  test('are measured in turn', async () => {
    const order: string[] = [];
    const alternative = (name: string) => async (): Promise<number> => order.push(name);
    const seconds = await inTurn(2, { a: alternative('a'), b: alternative('b') }, silent);
    expect(order).toEqual(['a', 'b', 'a', 'b']);
    expect(seconds).toEqual({ a: [1, 3], b: [2, 4] });
  });

  test('are shown with their limits', () => {
    const figures = [{ name: 'size', value: 2, unit: '×', atMost: 1 }] as const;
    expect(table([{ title: 'Title', figures, rounds: {}, notes: {} }])).toBe(
      'Title\n  size  2.00 ×  ≤ 1 ×  FALLS SHORT',
    );
    const rate = [{ name: 'rate', value: 90, unit: 'MB/s', atLeast: 80 }] as const;
    expect(table([{ title: 'Title', figures: rate, rounds: {}, notes: {} }])).toBe(
      'Title\n  rate  90.00 MB/s  ≥ 80 MB/s  ok',
    );
  });
});
