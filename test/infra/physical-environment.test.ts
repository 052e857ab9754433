import { describe, expect, it } from 'vitest';
import { PhysicalOptions, WalOptions } from '../../contract/physical-options.ts';
import type { ClusterEnvironment } from '../../infra/environment.ts';
import { walOptions } from '../../infra/physical-environment.ts';
import { resolveEnvironment } from '../../infra/resolve-environment.ts';
import type { ResolvedCluster } from '../../infra/resolved-environment.ts';
import { ENVIRONMENT, ORDERS } from './example-environment.ts';

/** Node runs an environment's file unchecked, so anything at all may stand in it. */
function resolve(change: object): ResolvedCluster {
  const clusters = [{ ...ORDERS, wal: undefined, ...change } as ClusterEnvironment];
  const [cluster] = resolveEnvironment({ ...ENVIRONMENT, clusters }).clusters;
  if (cluster === undefined) throw new Error('no cluster');
  return cluster;
}

const schedule = (of: object) => ({
  schedules: [{ name: 'daily', kind: 'physical', cron: '0 3 * * ? *', ...of }],
});

describe('a wrong value is named with what to write instead', () => {
  it.each([
    [{ physical: 'fast' }, 'clusters[0].physical is "fast". Give an object'],
    [{ physical: { jobs: 2 } }, 'clusters[0].physical.jobs is no known property. Use one of'],
    [
      { physical: { checkpoint: 'slow' } },
      'physical.checkpoint is "slow". Give one of fast, spread.',
    ],
    [{ physical: { wal: 'none' } }, 'physical.wal is "none". Give one of stream, archive.'],
    [{ physical: { wal: 'archive' } }, 'physical.wal is "archive". Give wal: {} to the cluster'],
    [{ physical: { compression: 'xz' } }, 'physical.compression is "xz". Give'],
    [
      { physical: { compressOn: 'both' } },
      'physical.compressOn is "both". Give one of client, server.',
    ],
    [
      { physical: { maxChainLength: 0 } },
      'physical.maxChainLength is 0. Give a whole number from 1 to 100.',
    ],
    [
      schedule({ type: 'partial' }),
      'schedules[0].type is "partial". Give one of full, differential, incremental.',
    ],
    [
      schedule({ kind: 'logical', type: 'incremental' }),
      'schedules[0].type is "incremental". Leave it out',
    ],
    [
      { postgresMajor: 16, ...schedule({ type: 'differential' }) },
      'schedules[0].type is "differential". Give \'full\'',
    ],
    [{ wal: true }, 'clusters[0].wal is true. Give an object'],
    [{ wal: null }, 'clusters[0].wal is null. Give an object'],
    [
      { wal: { seconds: 5 } },
      'clusters[0].wal.seconds is no known property. Use one of incrementSeconds',
    ],
    [{ wal: { incrementSeconds: 0 } }, 'wal.incrementSeconds is 0. Give a number from 0.1 to 60.'],
    [
      { wal: { incrementSeconds: '5' } },
      'wal.incrementSeconds is "5". Give a number from 0.1 to 60.',
    ],
    [{ wal: { synchronous: 1 } }, 'wal.synchronous is 1. Give true or false.'],
    [
      { wal: { acceptUnlimitedRetention: 'no' } },
      'wal.acceptUnlimitedRetention is "no". Give true or false.',
    ],
    [{ wal: { retainedAlarmMiB: 0 } }, 'wal.retainedAlarmMiB is 0. Give a whole number from 1'],
    [{ wal: { retainedDropMiB: -1 } }, 'wal.retainedDropMiB is -1. Give a whole number from 0'],
    [
      { wal: { retainedAlarmMiB: 1000, retainedDropMiB: 1000 } },
      'wal.retainedDropMiB is 1000. Give more than retainedAlarmMiB, 1000, so that somebody hears of it before, or 0',
    ],
    [{ wal: { vCpu: 3 } }, 'wal.vCpu is 3. Give one of 0.25, 0.5, 1'],
    [{ wal: { vCpu: 1 } }, 'wal.memoryMiB is missing. Give one of 2048, 3072'],
    [
      { wal: { memoryMiB: 512 } },
      'wal.memoryMiB is 512. Give one of 1024, 2048, 3072, 4096 with vCpu 0.5.',
    ],
  ])('%j', (change, expected) => {
    expect(() => resolve(change)).toThrow(expected);
  });
});

it('what is left out is taken from the defaults, and is what the programs are told', () => {
  const { physical, wal } = resolve({ wal: {}, physical: { wal: 'archive' } });
  expect(PhysicalOptions.parse(physical)).toEqual(physical);
  expect(wal).toMatchObject({ incrementSeconds: 5, vCpu: 0.5, memoryMiB: 1024 });
  if (wal === undefined) throw new Error('no wal');
  expect(WalOptions.parse(walOptions(wal))).toEqual(walOptions(wal));
});

it('right values are taken: at the bounds, and every type of schedule from 17 on', () => {
  const wal = { incrementSeconds: 0.1, retainedAlarmMiB: 1, retainedDropMiB: 2 };
  expect(resolve({ wal }).wal).toMatchObject(wal);
  for (const type of ['full', 'differential', 'incremental']) {
    expect(resolve(schedule({ type })).schedules[0]).toMatchObject({ type });
  }
  expect(resolve({ postgresMajor: 15, ...schedule({}) }).schedules[0]).toMatchObject({
    type: 'full',
  });
});

it('without wal nobody streams', () => {
  expect(resolve({}).wal).toBeUndefined();
});
