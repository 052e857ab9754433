import { describe, expect, it } from 'vitest';
import { CLUSTER_PROPERTIES, SCHEDULE_PROPERTIES } from '../../infra/check-cluster.ts';
import { ENVIRONMENT_PROPERTIES, NETWORK_PROPERTIES } from '../../infra/check-environment.ts';
import type { ClusterEnvironment, Environment } from '../../infra/environment.ts';
import { EnvironmentError } from '../../infra/environment-problems.ts';
import { LISTS } from '../../infra/logical-environment.ts';
import { resolveEnvironment } from '../../infra/resolve-environment.ts';
import { ENVIRONMENT, ORDERS } from './example-environment.ts';

const EXISTING_VPC = {
  vpcId: 'vpc-0123456789abcdef0',
  availabilityZones: ['eu-central-1a'],
  subnetIds: ['subnet-0123456789abcdef0'],
};

/** Node runs an environment's file unchecked, so anything at all may stand in it. */
function resolve(change: object): unknown {
  return resolveEnvironment({ ...ENVIRONMENT, ...change } as Environment);
}

function resolveCluster(change: object): unknown {
  return resolve({ clusters: [{ ...ORDERS, ...change } as ClusterEnvironment] });
}

function resolveSchedule(change: object): unknown {
  return resolveCluster({
    schedules: [{ name: 'daily', kind: 'logical', cron: '0 3 * * ? *', ...change }],
  });
}

describe('a wrong value is named with what to write instead', () => {
  it.each([
    [{ name: 'Prod' }, 'name is "Prod". Give 1 to 20 characters out of a-z, 0-9 and -'],
    [{ account: '111122223333' }, 'region is missing. Give account and region together'],
    [{ region: 'eu-central-1' }, 'account is missing. Give account and region together'],
    [{ account: '1', region: 'eu-central-1' }, 'account is "1". Give the account\'s 12 digits'],
    [
      { account: '111122223333', region: 'Frankfurt' },
      'region is "Frankfurt". Give the name of an',
    ],
    [{ bucketName: 'My_Bucket' }, 'bucketName is "My_Bucket". Give 3 to 63 characters'],
    [{ lockMode: 'NONE' }, 'lockMode is "NONE". Give one of COMPLIANCE, GOVERNANCE.'],
    [{ retentionDays: 2 }, 'retentionDays is 2. Give a whole number from 3 to 399: the vault'],
    [{ retentionDays: '7' }, 'retentionDays is "7". Give a whole number from 3 to 399'],
    [{ retentionDays: undefined }, 'retentionDays is missing. Give a whole number'],
    [{ minLockDays: 0 }, 'minLockDays is 0. Give a whole number from 1'],
    [{ maxLockDays: 1.5 }, 'maxLockDays is 1.5. Give a whole number from 4'],
    [{ logRetentionDays: 8 }, 'logRetentionDays is 8. Give one of 1, 3, 5, 7, 14'],
    [{ notify: 'ops@example.com' }, 'notify is "ops@example.com". List mail addresses and https'],
    [{ notify: ['http://example.com'] }, 'notify[0] is "http://example.com". Give a mail'],
    [
      { notify: ['a@b.de', 'dba at b.de', 'a@b.de'] },
      '- notify[1] is "dba at b.de". Give a mail address',
    ],
    [
      { notify: ['a@b.de', 'c@b.de', 'a@b.de'] },
      'notify[2] is "a@b.de", as notify[0] is. Give each once.',
    ],
    [{ maxRetries: 6 }, 'maxRetries is 6. Give a whole number from 0 to 5.'],
    [{ retryAfterMinutes: 4 }, 'retryAfterMinutes is 4. Give a whole number from 5 to 240.'],
    [{ maxLockDays: 401 }, 'maxLockDays is 401. Give 400 at most, or acknowledgeLongLocks: true'],
    [{ acknowledgeLongLocks: 1 }, 'acknowledgeLongLocks is 1. Give true or false.'],
    [{ retentionDays: 1000 }, 'two shorter. Or raise maxLockDays.'],
    [{ retentionDays: 400 }, 'retentionDays is 400. Give a whole number from 3 to 399: the vault'],
    [{ retentionDays: 5, minLockDays: 4 }, 'retentionDays is 5. Give a whole number from 6 to 399'],
    [{ retentionDays: 5, minLockDays: 4 }, 'takes locks of 4 to 400 days'],
    [{ retentionDays: 5, minLockDays: 4 }, 'two shorter. Or lower minLockDays.'],
    [{ retentionDays: 2, minLockDays: 4 }, 'two shorter.'],
    [
      { maxLockDays: 60, retentionDays: 60 },
      'retentionDays is 60. Give a whole number from 3 to 59:',
    ],
    [{ minLockDays: 58, maxLockDays: 60 }, 'minLockDays is 58. Give a whole number from 1 to 57,'],
    [{ alarmEmails: 'ops@example.com' }, 'alarmEmails is "ops@example.com". List mail addresses'],
    [{ alarmEmails: ['ops'] }, 'alarmEmails[0] is "ops". Give a mail address'],
    [{ alarmEmails: ['a@b.de', 'a@b.de'] }, 'alarmEmails[1] is "a@b.de", as alarmEmails[0] is.'],
    [{ tags: ['team'] }, 'tags is ["team"]. Give an object'],
    [{ tags: { 'aws:team': 'a' } }, 'tags is "aws:team". Give keys of 1 to 128 letters'],
    [{ tags: { 'holdfast:cluster': 'a' } }, 'tags is "holdfast:cluster". Give keys of 1 to 128'],
    [{ tags: { team: 5 } }, 'tags.team is 5. Give text of up to 256 letters'],
    [{ network: 'mine' }, 'network is "mine". Give an object'],
    [{ clusters: ['orders'] }, 'clusters[0] is "orders". Give an object'],
    [{ clusters: [] }, 'clusters is []. List at least one cluster'],
    [{ clusters: undefined }, 'clusters is missing. List at least one cluster'],
    [
      { clusters: [ORDERS, ORDERS] },
      'clusters[1].name is "orders", as clusters[0].name is. Give each a name of its own.',
    ],
    [{ retention: 7 }, 'retention is no known property. Use one of name, account'],
    [{ network: { natGateways: 3 } }, 'network.natGateways is 3. Give a whole number from 0 to 2.'],
    [
      { network: { subnetIds: ['subnet-1'] } },
      'network.subnetIds is ["subnet-1"]. Leave it out, or',
    ],
    [{ network: { vpcId: 'mine' } }, 'network.vpcId is "mine". Give the id of an existing VPC'],
    [{ network: { vpcId: 'vpc-1' } }, 'network.subnetIds is missing. List at least one id'],
    [
      { network: { vpcId: 'vpc-1', subnetIds: ['subnet-1'] } },
      'network.availabilityZones is missing',
    ],
    [{ network: { vpcId: 'vpc-1', natGateways: 1 } }, 'network.natGateways is 1. Leave it out'],
    [{ network: { nat: 1 } }, 'network.nat is no known property. Use one of natGateways'],
  ])('%j', (change, expected) => {
    expect(() => resolve(change)).toThrow(expected);
    expect(() => resolve(change)).toThrow(EnvironmentError);
  });

  it.each([
    [{ schedules: undefined }, 'clusters[0].schedules is missing. List the schedules, or give []'],
    [{ secretName: 5 }, 'clusters[0].secretName is 5. Give the secret'],
    [{ name: 'Orders' }, 'clusters[0].name is "Orders". Give 1 to 40 characters'],
    [{ postgresMajor: 14 }, 'clusters[0].postgresMajor is 14. Give one of 15, 16, 17, 18.'],
    [{ postgresMajor: undefined }, 'clusters[0].postgresMajor is missing. Give one of 15'],
    [{ secretName: 'a b' }, 'clusters[0].secretName is "a b". Give the secret\'s name'],
    [{ secretName: undefined }, 'clusters[0].secretName is missing. Give the secret'],
    [
      { retention: { days: 1 } },
      'clusters[0].retention.days is 1. Give a whole number from 3 to 399:',
    ],
    [{ retention: { days: 400 } }, 'clusters[0].retention.days is 400. Give a whole number'],
    [{ retention: {} }, 'clusters[0].retention.days is missing. Give a whole number'],
    [{ retention: { day: 7 } }, 'clusters[0].retention.day is no known property. Use one of days.'],
    [{ retention: 7 }, 'clusters[0].retention is 7. Give an object: { days: 35 }.'],
    [{ logical: [] }, 'clusters[0].logical is []. Give an object'],
    [{ retired: 'yes' }, 'clusters[0].retired is "yes". Give true or false.'],
    [
      { schedules: [null] },
      'clusters[0].schedules[0] is null. Give an object: { name, kind, cron }.',
    ],
    [{ allowPrimary: 'yes' }, 'clusters[0].allowPrimary is "yes". Give true or false.'],
    [{ maxDurationMinutes: 0 }, 'clusters[0].maxDurationMinutes is 0. Give a whole number'],
    [{ maxRateMiBPerSecond: 0.5 }, 'clusters[0].maxRateMiBPerSecond is 0.5. Give a whole number'],
    [{ stallMinutes: 1441 }, 'clusters[0].stallMinutes is 1441. Give a whole number'],
    [{ maxReplayLagSeconds: -1 }, 'clusters[0].maxReplayLagSeconds is -1. Give a whole number'],
    [{ pauseReplay: 'yes' }, 'clusters[0].pauseReplay is "yes". Give true or false.'],
    [{ unknownLag: 'ignore' }, 'clusters[0].unknownLag is "ignore".'],
    [{ retryPauseSeconds: 0 }, 'clusters[0].retryPauseSeconds is 0. Give a whole number from 1'],
    [{ jobs: 0 }, 'clusters[0].jobs is 0. Give a whole number from 1 to 64.'],
    [{ compression: 'brotli' }, 'clusters[0].compression is "brotli". Give zstd, gzip or lz4'],
    [
      { postgresMajor: 15, compression: 'zstd:1' },
      'clusters[0].compression is "zstd:1". pg_dump 15 knows gzip only: give gzip:1.',
    ],
    [{ vCpu: 3 }, 'clusters[0].vCpu is 3. Give one of 0.25, 0.5, 1, 2, 4, 8, 16.'],
    [{ vCpu: 1, memoryMiB: 1024 }, 'clusters[0].memoryMiB is 1024. Give one of 2048, 3072'],
    [{ memoryMiB: 3000 }, '15360, 16384 with vCpu 2.'],
    [{ vCpu: 4 }, 'clusters[0].memoryMiB is missing. Give one of 8192'],
    [{ ephemeralStorageGiB: 201 }, 'clusters[0].ephemeralStorageGiB is 201. Give a whole number'],
    [
      { ephemeralStorageGiB: 20, spoolCapMiB: 20_480 },
      'spoolCapMiB is 20480. Give a whole number from 16 to 16384 with ephemeralStorageGiB 20.',
    ],
    [{ architecture: 'arm' }, 'clusters[0].architecture is "arm". Give one of x86_64, arm64.'],
    [{ memory: 1 }, 'clusters[0].memory is no known property. Use one of name'],
  ])('%j of a cluster', (change, expected) => {
    expect(() => resolveCluster(change)).toThrow(expected);
  });

  it.each([
    [{ format: 'tar' }, 'format is "tar". Give one of directory, custom, plain, dumpall.'],
    [{ databases: 'shop' }, 'databases is "shop". Give a list of up to 100 names'],
    [{ excludeTables: [''] }, 'excludeTables is [""]. Give a list of up to 100 names'],
    [{ schemaOnly: 1 }, 'schemaOnly is 1. Give true or false.'],
    [{ rolePasswords: 'no' }, 'rolePasswords is "no". Give true or false.'],
    [{ lockWaitSeconds: 0 }, 'lockWaitSeconds is 0. Give a whole number from 1 to 86400.'],
    [{ table: ['t'] }, 'table is no known property. Use one of databases, excludeDatabases'],
    [{ schemaOnly: true, largeObjects: true }, 'largeObjects is true. Leave it out'],
    [{ schemas: ['s'], tables: ['t'] }, 'schemas is ["s"]. Leave it out, or choose by schema'],
    [{ excludeSchemas: ['s'], tables: ['t'] }, 'excludeSchemas is ["s"]. Leave it out, or choose'],
    [{ format: 'dumpall', schemas: ['s'] }, 'schemas is ["s"]. Leave it out, or choose another'],
    [{ format: 'dumpall', largeObjects: false }, 'largeObjects is false. Leave it out, or choose'],
  ])('%j of what a logical backup takes in', (logical, expected) => {
    expect(() => resolveCluster({ logical })).toThrow(`clusters[0].logical.${expected}`);
  });

  it('a compression that plain SQL cannot have', () => {
    expect(() => resolveCluster({ compression: 'lz4:1', logical: { format: 'plain' } })).toThrow(
      'clusters[0].compression is "lz4:1". Give zstd, gzip or none',
    );
  });

  it.each([
    [{ name: 'Daily' }, 'clusters[0].schedules[0].name is "Daily". Give 1 to 40 characters'],
    [{ kind: 'both' }, 'clusters[0].schedules[0].kind is "both". Give one of logical, physical.'],
    [{ type: 'half' }, 'schedules[0].type is "half". Give one of full, differential, incremental.'],
    [{ cron: '0 3 * * *' }, 'clusters[0].schedules[0].cron is "0 3 * * *". Give six fields'],
    [{ cron: undefined }, 'clusters[0].schedules[0].cron is missing. Give six fields'],
    [
      { timeZone: 'Vienna' },
      'clusters[0].schedules[0].timeZone is "Vienna". Give an IANA time zone',
    ],
    [{ flexibleWindowMinutes: 1441 }, 'flexibleWindowMinutes is 1441. Give a whole number from 0'],
    [{ at: '03:00' }, 'clusters[0].schedules[0].at is no known property. Use one of name'],
  ])('%j of a schedule', (change, expected) => {
    expect(() => resolveSchedule(change)).toThrow(expected);
  });

  /** No property takes either, so one that is added without a check is found out here. */
  const NONSENSE = [-1.5, null];

  it.each(ENVIRONMENT_PROPERTIES)('nonsense as %s', (name) => {
    for (const value of NONSENSE) {
      const message = new RegExp(`- ${name} is (${value}|missing)\\. [A-Z]`);
      expect(() => resolve({ [name]: value })).toThrow(message);
    }
  });

  it.each(NETWORK_PROPERTIES)('nonsense as network.%s', (name) => {
    const vpc = name === 'natGateways' ? {} : EXISTING_VPC;
    for (const value of NONSENSE) {
      const message = new RegExp(`- network\\.${name} is ${value}\\. [A-Z]`);
      expect(() => resolve({ network: { ...vpc, [name]: value } })).toThrow(message);
    }
  });

  it.each(CLUSTER_PROPERTIES)('nonsense as %s of a cluster', (name) => {
    for (const value of NONSENSE) {
      const message = new RegExp(`- clusters\\[0\\]\\.${name} is ${value}\\. [A-Z]`);
      expect(() => resolveCluster({ [name]: value })).toThrow(message);
    }
  });

  it.each([...LISTS, 'format', 'schemaOnly', 'largeObjects', 'lockWaitSeconds', 'rolePasswords'])(
    'nonsense as logical.%s',
    (name) => {
      const message = new RegExp(`- clusters\\[0\\]\\.logical\\.${name} is -1\\.5\\. [A-Z]`);
      expect(() => resolveCluster({ logical: { [name]: -1.5 } })).toThrow(message);
    },
  );

  it.each(SCHEDULE_PROPERTIES)('nonsense as %s of a schedule', (name) => {
    for (const value of NONSENSE) {
      const message = new RegExp(
        `- clusters\\[0\\]\\.schedules\\[0\\]\\.${name} is ${value}\\. [A-Z]`,
      );
      expect(() => resolveSchedule({ [name]: value })).toThrow(message);
    }
  });
});
