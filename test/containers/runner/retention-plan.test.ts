import { describe, expect, test } from 'vitest';
import { probeMetrics } from '../../../containers/runner/probe-wal/probe-metrics.ts';
import {
  judgeSlot,
  keptPercent,
  type SlotFacts,
  whatIsLost,
} from '../../../containers/runner/probe-wal/retention-plan.ts';

const MIB = 1024 * 1024;
const OPTIONS = { retainedAlarmMiB: 1000, retainedDropMiB: 3000 };

function facts(retainedMiB: number, more: Partial<SlotFacts> = {}): SlotFacts {
  const retainedBytes = retainedMiB * MIB;
  return { walStatus: 'reserved', retainedBytes, from: '1/0', to: '2/0', ...more };
}

describe('a slot', () => {
  test.each([
    ['well below both', facts(999), 'well'],
    ['at what the owner wants to hear of', facts(1000), 'alarm'],
    ['at half of what the server keeps', facts(500, { keepBytes: 1000 * MIB }), 'alarm'],
    ['below half of what the server keeps', facts(499, { keepBytes: 1000 * MIB }), 'well'],
    ['on a server that keeps nothing', facts(0, { keepBytes: 0 }), 'alarm'],
    ['one byte below what is dropped', { ...facts(3000), retainedBytes: 3000 * MIB - 1 }, 'alarm'],
    ['at what is dropped', facts(3000), 'drop'],
    ['whose WAL is gone', facts(5000, { walStatus: 'lost' }), 'lost'],
    ['that is not there', facts(5000, { walStatus: undefined }), 'missing'],
  ])('%s', (_, found, verdict) => {
    expect(judgeSlot(found, OPTIONS)).toBe(verdict);
  });

  test('is never dropped unless the owner says at what', () => {
    const options = { ...OPTIONS, retainedDropMiB: 0 };
    expect(judgeSlot(facts(1_000_000), options)).toBe('alarm');
  });
});

test('what would be lost is said with its bounds', () => {
  expect(whatIsLost(facts(4096))).toContain('From 1/0 to 2/0, 4096 MiB, the server may remove WAL');
});

describe('the metrics', () => {
  const place = { environment: 'prod', cluster: 'orders' };
  const now = new Date('2026-11-20T03:00:00Z');
  const seen = (of: SlotFacts) => ({
    seen: { facts: of, verdict: judgeSlot(of, OPTIONS) },
  });

  test('are those of the server where it is worst, and count the others', () => {
    const told = probeMetrics(
      [
        seen(facts(100, { keepBytes: 400 * MIB })),
        seen(facts(3000)),
        seen(facts(0, { walStatus: 'lost' })),
        {},
      ],
      place,
      now,
    );
    expect(told).toMatchObject({
      Environment: 'prod',
      Cluster: 'orders',
      WalRetainedBytes: 3000 * MIB,
      WalRetainedPercent: 25,
      WalSlotsLost: 2,
      WalServersUnseen: 1,
    });
    const { CloudWatchMetrics, Timestamp } = told._aws as {
      CloudWatchMetrics: { Metrics: { Name: string }[]; Dimensions: string[][] }[];
      Timestamp: number;
    };
    expect(Timestamp).toBe(now.getTime());
    expect(CloudWatchMetrics[0]?.Dimensions).toEqual([['Environment', 'Cluster']]);
    for (const { Name } of CloudWatchMetrics[0]?.Metrics ?? []) expect(told).toHaveProperty(Name);
  });

  test('say nothing of what nobody could see', () => {
    const told = probeMetrics([{}, {}], place, now);
    expect(told).toMatchObject({ WalServersUnseen: 2 });
    expect(told).not.toHaveProperty('WalRetainedBytes');
    expect(told).not.toHaveProperty('WalSlotsLost');
  });

  test('of a server without a limit are no part of it', () => {
    expect(keptPercent(facts(100))).toBe(0);
  });
});
