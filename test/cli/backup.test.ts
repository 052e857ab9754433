import { afterEach, beforeEach, expect, test } from 'vitest';
import { type BackupOptions, backup } from '../../cli/backup.ts';
import type { Services, TaskState } from '../../cli/io.ts';
import { terminated } from '../../cli/print-error.ts';
import { HoldfastError } from '../../contract/errors.ts';
import { ExitCode } from '../../contract/exit-codes.ts';
import { putExampleBackup } from '../containers/restore/example-backup.ts';
import { rawDataKeys } from '../vault/example-message.ts';
import { type FakeS3, startFakeS3 } from '../vault/fake-s3.ts';
import { testIo } from './test-io.ts';

const LABEL = '20261120T030000Z-logical-full-7f3a9c';
const TASK = 'arn:aws:ecs:eu-central-1:000000000000:task/holdfast_test/0123';
const ANSWER = {
  cluster: 'orders',
  label: LABEL,
  taskArn: TASK,
  requestId: 'r',
  requestedAt: '2026-11-20T03:00:00Z',
};

let fake: FakeS3;
beforeEach(async () => {
  fake = await startFakeS3();
});
afterEach(() => fake.close());

function surroundings(states: readonly (TaskState | undefined)[], more: Partial<Services> = {}) {
  const left = [...states];
  return testIo(fake, {}, undefined, {
    startTask: async (environment, event) => {
      expect({ environment, event }).toEqual({
        environment: 'test',
        event: { action: 'backup', cluster: 'orders', kind: 'logical' },
      });
      return { payload: ANSWER, failed: false };
    },
    describeTask: async () => left.shift(),
    ...more,
  });
}

function options(more: Partial<BackupOptions> = {}): BackupOptions {
  return {
    environment: 'test',
    cluster: 'orders',
    kind: 'logical',
    wait: true,
    json: false,
    ...more,
  };
}

const RUNNING = { status: 'RUNNING' };

test('a backup is watched to its end, and described out of its manifest', async () => {
  await putExampleBackup(fake, rawDataKeys(), { files: { 'toc.dat': Buffer.from('x') } });
  const states = [{ status: 'PENDING' }, RUNNING, RUNNING, { status: 'STOPPED', exitCode: 0 }];
  const io = surroundings(states);
  await backup(options(), io, 1);
  expect(io.out()).toMatch(`Backup ${LABEL} of orders is in the vault: `);
  expect(io.err()).toBe(
    `Backup ${LABEL} of orders, logical: the task ${TASK} was started.\ntask PENDING\ntask RUNNING\ntask STOPPED\n`,
  );
  const json = surroundings(states);
  await backup(options({ json: true }), json, 1);
  expect(JSON.parse(json.out())).toMatchObject({
    ...ANSWER,
    exitCode: 0,
    manifest: { label: LABEL },
  });
});

test.each([
  { exitCode: 11, status: ExitCode.SourceRefused },
  { exitCode: 20, status: ExitCode.VaultDenied },
  { exitCode: 137, status: ExitCode.DumpFailed },
  { exitCode: undefined, status: ExitCode.DumpFailed },
])(
  'a task that ends with $exitCode ends the command with $status',
  async ({ exitCode, status }) => {
    const reasons = ['EssentialContainerExited', 'OutOfMemoryError: killed'];
    const io = surroundings([RUNNING, { status: 'STOPPED', exitCode, reasons }]);
    await expect(backup(options(), io, 1)).rejects.toMatchObject({
      code: 'BACKUP_FAILED',
      exitCode: status,
      message: expect.stringMatching(/EssentialContainerExited; OutOfMemoryError: killed\.$/),
    });
    expect(io.out()).toBe('');
  },
);

test('a task that ECS forgot has not ended well', async () => {
  await expect(backup(options(), surroundings([RUNNING]), 1)).rejects.toMatchObject({
    message: expect.stringContaining('the task is no more known to ECS'),
  });
});

test('a task that ended well without a manifest is told', async () => {
  const io = surroundings([{ status: 'STOPPED', exitCode: 0 }]);
  await expect(backup(options(), io, 1)).rejects.toMatchObject({ code: 'BACKUP_UNKNOWN' });
});

test('who may not read the catalog still learns that it ended well', async () => {
  fake.refuse = () => 'AccessDenied';
  const io = surroundings([{ status: 'STOPPED', exitCode: 0 }]);
  await backup(options(), io, 1);
  expect(io.out()).toBe(`${LABEL}\n`);
  expect(io.err()).toContain('s3:ListBucketVersions');
});

test('without waiting it ends once the task is started', async () => {
  const io = surroundings([]);
  await backup(options({ wait: false, json: true }), io, 1);
  expect(JSON.parse(io.out())).toEqual(ANSWER);
});

test('a refusal keeps its code and exit status', async () => {
  const payload = { errorType: 'CLUSTER_UNKNOWN', errorMessage: 'There is no cluster "orders".' };
  const io = surroundings([], { startTask: async () => ({ payload, failed: true }) });
  await expect(backup(options(), io, 1)).rejects.toMatchObject({
    code: 'CLUSTER_UNKNOWN',
    exitCode: ExitCode.Usage,
    message: 'start-task refused: There is no cluster "orders".',
  });
});

test('Ctrl-C ends the watching, and says that the task goes on', async () => {
  const stop = new AbortController();
  const io = { ...surroundings([RUNNING, RUNNING, RUNNING]), signal: stop.signal };
  const watching = backup(options(), io, 60_000);
  const reason = terminated('SIGINT');
  stop.abort(reason);
  await expect(watching).rejects.toBe(reason);
  expect(reason).toBeInstanceOf(HoldfastError);
  expect(io.err()).toContain(`holdfast show ${LABEL} --cluster orders`);
});
