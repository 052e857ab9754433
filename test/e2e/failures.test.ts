import { readFileSync } from 'node:fs';
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { groupMembers } from '../../containers/runner/process/process-group.ts';
import { backupRoleName } from '../../contract/environment-names.ts';
import { ExitCode } from '../../contract/exit-codes.ts';
import type { DirectoryEntry, LogicalManifest } from '../../contract/logical-manifest.ts';
import { StartTaskAnswer } from '../../contract/request.ts';
import { dumpLeader } from '../local-cloud/dump-processes.ts';
import { type LocalCloud, startLocalCloud, type TaskEnd } from '../local-cloud/local-cloud.ts';
import { contentsOf, createBulk } from '../local-cloud/shop.ts';

const MIB = 1024 * 1024;
const ROLE = backupRoleName('local', 'orders');

let cloud: LocalCloud;
let day = 0;

beforeAll(async () => {
  cloud = await startLocalCloud();
  await createBulk(cloud.primary, 80);
  await cloud.standby.waitForReplay();
}, 300_000);
afterAll(() => cloud.stop(), 60_000);

/** Fires the schedule for a day of its own, so that every backup has its own label. */
async function start(): Promise<StartTaskAnswer> {
  day += 1;
  const answer = await cloud.fireSchedule('orders', 'daily', new Date(Date.UTC(2026, 9, day, 3)));
  return StartTaskAnswer.parse(answer.payload);
}

function finish({ taskArn }: StartTaskAnswer): Promise<TaskEnd> {
  return cloud.waitForTask(taskArn, { timeoutSeconds: 180 });
}

/** The last line of the task's log that tells of a failure. */
function failureIn(end: TaskEnd): Record<string, unknown> {
  const lines = readFileSync(end.logFile, 'utf8').trim().split('\n');
  const last = lines.findLast((line) => line.includes('"task failed"'));
  return JSON.parse(last ?? '{}') as Record<string, unknown>;
}

async function listed(): Promise<string> {
  const { exitCode, stdout } = await cloud.holdfast(['list', '--cluster', 'orders', '--json']);
  expect(exitCode).toBe(0);
  return stdout;
}

/** No manifest, nothing listed, nothing to restore. */
async function expectNothingOf(label: string): Promise<void> {
  expect(await listed()).not.toContain(label);
  const { exitCode, stderr } = await cloud.holdfast(
    ['restore', '--cluster', 'orders', '--label', label, '--database', 'bulk', '--into', 'x'],
    { env: { HOLDFAST_RESTORE_URI: cloud.primary.uri } },
  );
  expect(exitCode).toBe(ExitCode.Usage);
  expect(stderr).toContain('BACKUP_UNKNOWN');
}

async function expectNextRunToSucceed(): Promise<void> {
  const next = await start();
  expect((await finish(next)).exitCode).toBe(0);
  expect(await listed()).toContain(next.label);
}

async function manifestOf(label: string): Promise<LogicalManifest> {
  const { stdout, stderr, exitCode } = await cloud.holdfast([
    ...['show', label, '--cluster', 'orders', '--json'],
  ]);
  expect(exitCode, stderr).toBe(0);
  return (JSON.parse(stdout) as { manifest: LogicalManifest }).manifest;
}

async function openUploadsOf(label: string): Promise<number> {
  const { Uploads = [] } = await cloud.s3.send(
    new ListMultipartUploadsCommand({ Bucket: cloud.bucket }),
  );
  return Uploads.filter(({ Key }) => Key?.includes(label)).length;
}

async function openUploads(): Promise<number> {
  const { Uploads = [] } = await cloud.s3.send(
    new ListMultipartUploadsCommand({ Bucket: cloud.bucket }),
  );
  return Uploads.length;
}

/** Waits until the dump of `bulk` has been written and uploaded for a while. */
async function midDump(
  taskArn: string,
  notLeader = 0,
): Promise<{ leader: number; workers: number[] }> {
  for (;;) {
    const { pid } = await cloud.task(taskArn);
    const leader = dumpLeader(pid, 'bulk');
    if (leader !== undefined && leader !== notLeader) {
      const workers = groupMembers(leader)
        .map((member) => member.pid)
        .filter((one) => one !== leader);
      if (workers.length === 2 && (await openUploads()) >= 2) return { leader, workers };
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('a permission that is missing', () => {
  test.each([
    ['s3:PutObject', ExitCode.VaultDenied],
    ['s3:PutObjectRetention', ExitCode.VaultDenied],
    ['kms:GenerateDataKey', ExitCode.VaultDenied],
    ['s3:ListBucketVersions', ExitCode.VaultDenied],
    ['secretsmanager:GetSecretValue', ExitCode.Configuration],
  ])('%s fails the backup with a message that names it, and no manifest', async (action, exit) => {
    const giveBack = await cloud.withoutPermission(ROLE, action);
    try {
      const started = await start();
      const end = await finish(started);
      expect(failureIn(end).message).toContain(action);
      expect(end.exitCode).toBe(exit);
      await expectNothingOf(started.label);
    } finally {
      await giveBack();
    }
  });
});

describe('a right that the role lacks', () => {
  test.each([
    [
      'to read tables',
      'revoke pg_read_all_data from holdfast',
      'grant pg_read_all_data to holdfast',
      'public.one',
      'GRANT pg_read_all_data TO holdfast;',
    ],
    [
      'to see past row security',
      'alter table one enable row level security; alter role holdfast nobypassrls',
      'alter table one disable row level security; alter role holdfast bypassrls',
      'public.one',
      'ALTER ROLE holdfast BYPASSRLS;',
    ],
    [
      'to read large objects',
      'select lo_create(4711)',
      'select lo_unlink(4711)',
      '4711',
      'GRANT SELECT ON LARGE OBJECT <oid> TO holdfast;',
    ],
  ])(
    '%s is named with the statement that gives it, before anything is dumped',
    async (_, take, give, object, statement) => {
      await cloud.primary.query(take, { database: 'bulk' });
      await cloud.standby.waitForReplay();
      try {
        const started = await start();
        const end = await finish(started);
        expect(end.exitCode).toBe(ExitCode.SourceRefused);
        expect(failureIn(end)).toMatchObject({
          code: 'SOURCE_RIGHTS',
          message: expect.stringContaining(object),
          hint: expect.stringContaining(statement),
        });
        await expectNothingOf(started.label);
      } finally {
        await cloud.primary.query(give, { database: 'bulk' });
        await cloud.standby.waitForReplay();
      }
    },
  );
});

describe('SIGKILL in mid-dump', () => {
  test('of the task leaves no manifest, and the next run succeeds', async () => {
    const started = await start();
    await midDump(started.taskArn);
    const { pid } = await cloud.task(started.taskArn);
    process.kill(pid, 'SIGKILL');
    expect((await finish(started)).exitCode).toBe(137);
    await expectNothingOf(started.label);
    await expectNextRunToSucceed();
  });

  test.each(['pg_dump', 'one of its workers'])(
    'of %s, twice, leaves no manifest, and the next run succeeds',
    async (victim) => {
      const started = await start();
      // A dump that dies is tried once more: the second try dies as well.
      const first = await midDump(started.taskArn);
      process.kill(victim === 'pg_dump' ? first.leader : (first.workers[0] ?? 0), 'SIGKILL');
      const second = await midDump(started.taskArn, first.leader);
      process.kill(victim === 'pg_dump' ? second.leader : (second.workers[0] ?? 0), 'SIGKILL');
      const end = await finish(started);
      expect(failureIn(end)).toMatchObject({ code: 'DUMP_FAILED', retryable: true });
      expect(end.exitCode).toBe(ExitCode.DumpFailed);
      expect(await openUploadsOf(started.label)).toBe(0);
      await expectNothingOf(started.label);
      await expectNextRunToSucceed();
    },
  );

  test('of pg_dump, once, is made good by a second try, which the manifest tells', async () => {
    const started = await start();
    const { leader } = await midDump(started.taskArn);
    process.kill(leader, 'SIGKILL');
    expect((await finish(started)).exitCode).toBe(0);
    expect(await manifestOf(started.label)).toMatchObject({ attempts: 2 });
  });
});

test('a dump that the replica cancels is tried again, and the manifest says so', async () => {
  await cloud.standby.query('alter system set max_standby_streaming_delay = 0');
  await cloud.standby.query('select pg_reload_conf()');
  try {
    const started = await start();
    await midDump(started.taskArn);
    // Replay has to remove rows that the dump's snapshot still sees.
    await cloud.primary.query('update one set noise = noise where id % 50 = 0', {
      database: 'bulk',
    });
    await cloud.primary.query('vacuum one', { database: 'bulk' });
    const end = await finish(started);
    expect(readFileSync(end.logFile, 'utf8')).toContain('"code":"SOURCE_CONFLICT"');
    expect(end.exitCode).toBe(0);
    expect(await manifestOf(started.label)).toMatchObject({
      attempts: 2,
      source: { role: 'replica' },
    });
  } finally {
    await cloud.standby.query('alter system reset max_standby_streaming_delay');
    await cloud.standby.query('select pg_reload_conf()');
  }
});

test('SIGTERM in mid-dump ends the task in time, and aborts its uploads', async () => {
  const open = await openUploads();
  const started = await start();
  await midDump(started.taskArn);
  const before = Date.now();
  await cloud.stopTask(started.taskArn);
  const end = await finish(started);
  expect(end.exitCode).toBe(ExitCode.Terminated);
  expect(Date.now() - before).toBeLessThan(30_000);
  expect(await openUploads()).toBe(open);
  await expectNothingOf(started.label);
});

test('a dump larger than the spool goes through, with the spool’s peak under its cap', async () => {
  const started = await start();
  const { spoolPath } = await cloud.task(started.taskArn);
  let running = true;
  let peakKiB = 0;
  const watch = (async () => {
    while (running) {
      const { stdout } = await execa('du', ['-sk', spoolPath], { reject: false });
      peakKiB = Math.max(peakKiB, Number.parseInt(stdout, 10) || 0);
    }
  })();
  const end = await finish(started);
  running = false;
  await watch;
  expect(end.exitCode).toBe(0);
  const { stdout } = await cloud.holdfast(['show', started.label, '--cluster', 'orders', '--json']);
  const { manifest } = JSON.parse(stdout) as { manifest: LogicalManifest };
  const bulk = manifest.databases.find(({ name }) => name === 'bulk') as DirectoryEntry;
  const dumped = bulk.files.reduce((total, { bytes }) => total + bytes, 0);
  expect(dumped).toBeGreaterThan(2 * manifest.spool.capBytes);
  expect(peakKiB).toBeGreaterThan(0);
  expect(peakKiB * 1024).toBeLessThan(manifest.spool.capBytes);
  expect(manifest.peak.spoolBytes).toBeLessThan(manifest.spool.capBytes);
  expect(manifest.peak.rssBytes).toBeLessThan(256 * MIB);
  const { exitCode, stderr } = await cloud.holdfast(
    [
      'restore',
      '--cluster',
      'orders',
      '--label',
      started.label,
      '--database',
      'bulk',
      '--into',
      'bulk_copy',
    ],
    { env: { HOLDFAST_RESTORE_URI: cloud.primary.uri } },
  );
  expect(exitCode, stderr).toBe(0);
  expect(await contentsOf(cloud.primary, 'bulk_copy')).toEqual(
    await contentsOf(cloud.primary, 'bulk'),
  );
});
