import { expect, it } from 'vitest';
import type { Environment } from '../../infra/environment.ts';
import { resolveEnvironment } from '../../infra/resolve-environment.ts';
import { ENVIRONMENT, ORDERS } from './example-environment.ts';

/** The properties that a file's problems begin with, in their order. */
function named(change: object): string[] {
  try {
    resolveEnvironment({ ...ENVIRONMENT, ...change } as Environment, 'test');
  } catch (error) {
    return [...String(error).matchAll(/^ {2}- (\S+) is /gm)].map(([, property = '']) => property);
  }
  return [];
}

it.each<[string, object, readonly string[]]>([
  ['nothing is wrong', {}, []],
  [
    'of the environment and of a cluster',
    { notify: ['dba at example.org'], clusters: [{ ...ORDERS, postgresMajor: 14 }] },
    ['notify[0]', 'clusters[0].postgresMajor'],
  ],
  ['several of a list', { notify: ['a', 'a@b.de', 'c'] }, ['notify[0]', 'notify[2]']],
  [
    'of a cluster beside one that is none',
    { clusters: ['orders', { ...ORDERS, jobs: 0, vCpu: 3 }] },
    ['clusters[0]', 'clusters[1].jobs', 'clusters[1].vCpu'],
  ],
  [
    'of a cluster beside one without schedules, of the same name',
    {
      clusters: [
        { ...ORDERS, schedules: undefined },
        { ...ORDERS, secretName: 5 },
      ],
    },
    ['clusters[1].name', 'clusters[0].schedules', 'clusters[1].secretName'],
  ],
  [
    'of schedules that share a name',
    { clusters: [{ ...ORDERS, schedules: [...ORDERS.schedules, ORDERS.schedules[0]] }] },
    ['clusters[0].schedules[2].name'],
  ],
  ["the file's name and what is in it", { name: 'other', lockMode: 'NONE' }, ['name', 'lockMode']],
  ['a retention that clusters take over, once', { retentionDays: 2 }, ['retentionDays']],
  [
    'a retention of its own too',
    { retentionDays: 2, clusters: [{ ...ORDERS, retention: { days: 2 } }] },
    ['retentionDays', 'clusters[0].retention.days'],
  ],
  ['a bound, and not what is judged by it', { maxLockDays: '60' }, ['maxLockDays']],
  [
    'both bounds, and a retention that is wrong in any',
    { minLockDays: 0, maxLockDays: 3, retentionDays: 0 },
    ['maxLockDays', 'minLockDays', 'retentionDays'],
  ],
  [
    'a disk, and not the spool on it',
    { clusters: [{ ...ORDERS, ephemeralStorageGiB: 'x' }] },
    ['clusters[0].ephemeralStorageGiB'],
  ],
])('told at once: %s', (_, change, expected) => {
  expect(named(change)).toEqual(expected);
});

it.each([
  [3, {}],
  [399, {}],
  [6, { minLockDays: 4 }],
  [59, { maxLockDays: 60 }],
  [4, { minLockDays: 2, maxLockDays: 5 }],
  [1000, { maxLockDays: 1001, acknowledgeLongLocks: true }],
])('%j days are taken with %j', (days, bounds) => {
  const clusters = [{ ...ORDERS, retention: { days } }];
  expect(named({ ...bounds, retentionDays: days, clusters })).toEqual([]);
});
