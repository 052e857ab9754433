import { expect, test } from 'vitest';
import { createLog } from '../../../../containers/runner/log.ts';
import { WalProgress } from '../../../../containers/runner/wal/wal-progress.ts';
import { METRIC_NAMESPACE, Metric } from '../../../../contract/metrics.ts';

function clocked() {
  const clock = { now: Date.parse('2026-11-20T03:00:00Z') };
  return { clock, progress: new WalProgress(() => clock.now) };
}

test('the lag counts from when the server first had what the vault has not', () => {
  const { clock, progress } = clocked();
  progress.stored(100n);
  progress.serverAt(100n);
  expect([progress.lagBytes, progress.lagSeconds]).toEqual([0, 0]);
  clock.now += 1_000;
  progress.serverAt(200n);
  clock.now += 4_000;
  progress.serverAt(300n);
  clock.now += 1_000;
  expect([progress.lagBytes, progress.lagSeconds]).toEqual([200, 5]);
  progress.stored(200n);
  expect([progress.lagBytes, progress.lagSeconds]).toEqual([100, 1]);
  progress.stored(300n);
  expect([progress.lagBytes, progress.lagSeconds]).toEqual([0, 0]);
});

test('what was stored beyond a known moment, and is not all, still lags', () => {
  const { clock, progress } = clocked();
  progress.serverAt(200n);
  clock.now += 500;
  progress.serverAt(300n);
  clock.now += 500;
  progress.stored(250n);
  clock.now += 2_000;
  expect([progress.lagBytes, progress.lagSeconds]).toEqual([50, 2]);
});

test('a server that writes for hours without a vault is remembered from the first moment on', () => {
  const { clock, progress } = clocked();
  for (let lsn = 1n; lsn <= 5_000n; lsn += 1n) {
    progress.serverAt(lsn);
    clock.now += 1_000;
  }
  expect(progress.lagSeconds).toBe(5_000);
});

test('what a server had that is gone does not lag on the timeline after it', () => {
  const { clock, progress } = clocked();
  progress.begin({ timeline: 1, start: 0n, durable: 100n });
  progress.serverAt(300n);
  clock.now += 60_000;
  progress.begin({ timeline: 2, start: 100n, durable: 150n });
  expect([progress.lagBytes, progress.lagSeconds]).toEqual([0, 0]);
  progress.serverAt(200n);
  clock.now += 2_000;
  expect([progress.lagBytes, progress.lagSeconds]).toEqual([50, 2]);
  progress.stored(200n);
  expect([progress.lagBytes, progress.lagSeconds]).toEqual([0, 0]);
});

test('a stream that breaks again and again before anything is stored lags from the first time on', () => {
  const { clock, progress } = clocked();
  for (let again = 0; again < 10; again += 1) {
    progress.begin({ timeline: 1, start: 0n, durable: 100n });
    progress.serverAt(200n);
    clock.now += 60_000;
  }
  expect(progress.lagSeconds).toBe(600);
  progress.begin({ timeline: 1, start: 0n, durable: 200n });
  expect([progress.lagBytes, progress.lagSeconds]).toEqual([0, 0]);
});

test('it tells in one line that CloudWatch reads', () => {
  const { progress } = clocked();
  const lines: string[] = [];
  progress.streaming = true;
  progress.gap();
  progress.serverAt(0x3000100n);
  progress.stored(0x3000028n);
  progress.tell(
    createLog((line) => lines.push(line)),
    'prod',
    'orders',
  );
  expect(lines).toHaveLength(1);
  const line = JSON.parse(lines[0] ?? '');
  const [{ Namespace, Dimensions, Metrics }] = line._aws.CloudWatchMetrics;
  expect([Namespace, Dimensions]).toEqual([METRIC_NAMESPACE, [['Environment', 'Cluster']]]);
  for (const { Name } of Metrics) expect(line[Name]).toBeTypeOf('number');
  expect(line).toMatchObject({
    ...{ Environment: 'prod', Cluster: 'orders', archived: '0/3000028', server: '0/3000100' },
    ...{ [Metric.WalLagBytes]: 0xd8, [Metric.WalGaps]: 1, [Metric.WalStreaming]: 1 },
    archivedAt: '2026-11-20T03:00:00.000Z',
  });
});

test('each gap is told at once, and in one line', () => {
  const { progress } = clocked();
  const told: number[] = [];
  const log = createLog((line) => told.push(JSON.parse(line)[Metric.WalGaps]));
  const stop = progress.tellRegularly(log, 'prod', 'orders');
  try {
    progress.gap();
    expect(told).toEqual([1]);
    progress.tell(log, 'prod', 'orders');
    progress.gap();
    expect(told).toEqual([1, 0, 1]);
    expect(progress.gaps).toBe(0);
  } finally {
    stop();
  }
});
