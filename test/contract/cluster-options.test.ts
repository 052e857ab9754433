import { describe, expect, test } from 'vitest';
import {
  buildClusterOptions,
  type ClusterOptions,
  parseClusterOptions,
} from '../../contract/cluster-options.ts';
import type { LogicalOptions } from '../../contract/logical-options.ts';
import { logicalOptions } from '../fixtures/logical-options.ts';
import { physicalOptions } from '../fixtures/physical-options.ts';

const OPTIONS: ClusterOptions = {
  postgresMajor: 17,
  allowPrimary: false,
  maxReplayLagSeconds: 300,
  unknownLag: 'refuse',
  pauseReplay: false,
  retryPauseSeconds: 5,
  jobs: 2,
  compression: 'zstd:1',
  spoolCapMiB: 256,
  maxDurationMinutes: 720,
  stallMinutes: 30,
  maxRateMiBPerSecond: 20,
  retentionDays: 35,
  lockMode: 'COMPLIANCE',
  logical: logicalOptions({ databases: ['shop', 'x*'], excludeTables: ['"a b".*'] }),
  physical: physicalOptions({ wal: 'archive' }),
  wal: {
    incrementSeconds: 5,
    synchronous: false,
    retainedAlarmMiB: 4096,
    retainedDropMiB: 0,
    acceptUnlimitedRetention: false,
  },
};

describe("the cluster's options", () => {
  test('are read as they were written', () => {
    expect(parseClusterOptions(buildClusterOptions(OPTIONS))).toEqual(OPTIONS);
  });

  test.each<[object, RegExp]>([
    [{ format: 'tar' }, /logical\.format/],
    [{ databases: [''] }, /logical\.databases\.0/],
    [{ tables: ['a\nb'] }, /logical\.tables\.0/],
    [{ lockWaitSeconds: 0 }, /logical\.lockWaitSeconds/],
    [{ rolePasswords: 'yes' }, /logical\.rolePasswords/],
    [{ compress: 1 }, /compress/],
    [{ schemaOnly: true }, /logical\.largeObjects: Leave it out/],
    [{ format: 'dumpall', tables: ['t'] }, /logical\.tables: Leave it out/],
    [{ format: 'dumpall', largeObjects: false }, /logical\.largeObjects: Leave it out/],
  ])('%j are refused', (change, found) => {
    const logical = { ...OPTIONS.logical, ...change } as LogicalOptions;
    expect(() => parseClusterOptions(JSON.stringify({ ...OPTIONS, logical }))).toThrow(
      expect.objectContaining({
        code: 'ENVIRONMENT_INVALID',
        message: expect.stringMatching(found),
      }),
    );
  });
});
