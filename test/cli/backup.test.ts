import { afterEach, beforeEach, expect, test } from 'vitest';
import { type BackupOptions, backup } from '../../cli/backup.ts';
import type { Heard, Services, TaskState } from '../../cli/io.ts';
import { printError, terminated } from '../../cli/print-error.ts';
import { HoldfastError } from '../../contract/errors.ts';
import { ExitCode } from '../../contract/exit-codes.ts';
import { taskRequestFor } from '../../contract/request.ts';
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
        event: { action: 'backup', cluster: 'orders', kind: 'logical', type: 'full' },
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
    type: 'full',
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

test('a task that ECS does not know yet is waited for', async () => {
  await putExampleBackup(fake, rawDataKeys(), { files: { 'toc.dat': Buffer.from('x') } });
  const io = surroundings([undefined, undefined, RUNNING, { status: 'STOPPED', exitCode: 0 }]);
  await backup(options(), io, 1);
  expect(io.err()).toContain('task not yet known to ECS\ntask RUNNING\ntask STOPPED\n');
});

test.each([
  { exitCode: 11, status: ExitCode.SourceRefused },
  { exitCode: 20, status: ExitCode.VaultDenied },
  { exitCode: 137, status: ExitCode.DumpFailed },
  { exitCode: undefined, status: ExitCode.DumpFailed },
])(
  'a task that ends with $exitCode ends the command with $status',
  async ({ exitCode, status }) => {
    const end = { status: 'STOPPED', stopCode: 'EssentialContainerExited', reasons: ['gone'] };
    const io = surroundings([RUNNING, { ...end, exitCode }]);
    await expect(backup(options(), io, 1)).rejects.toMatchObject({
      code: 'BACKUP_FAILED',
      exitCode: status,
      message: expect.stringContaining('; EssentialContainerExited; gone.'),
    });
    expect(io.out()).toBe('');
  },
);

const WORDS = {
  event: 'task failed',
  code: 'SOURCE_LAGGING',
  message: 'The replica is 900 s behind; 300 are allowed.',
  hint: 'Raise maxReplayLagSeconds, or wait.',
  retryable: true,
} as const;
const NEXT = taskRequestFor(
  {
    action: 'backup',
    cluster: 'orders',
    kind: 'logical',
    requestId: ANSWER.requestId,
    requestedAt: ANSWER.requestedAt,
    attempt: 1,
  },
  { id: 'unused', now: ANSWER.requestedAt },
).label;
const LOG = { group: 'Log-of-orders', stream: 'orders/runner/0123' };
const REFUSED: TaskState = {
  status: 'STOPPED',
  exitCode: 11,
  stopCode: 'EssentialContainerExited',
  taskDefinitionArn: 'arn:definition:7',
};

/** The failure of a backup that ends so, as the command prints it. */
async function failureOf(end: TaskState, heard: Heard, ...later: Heard[]) {
  const answers = [heard, ...later];
  let looks = 0;
  const io = surroundings([end], {
    readTaskLog: async (arn, found) => {
      expect([arn, found]).toEqual([TASK, end]);
      looks += 1;
      return answers.shift() ?? {};
    },
  });
  const thrown = await backup(options(), io, 1).catch((error: unknown) => error);
  printError(thrown, true, io);
  return { looks, err: io.err(), error: JSON.parse(io.out()).error };
}

test('what the runner said last, and what is done next, is told to people and to machines', async () => {
  // The log comes a little later than the word that the task has stopped.
  const { looks, err, error } = await failureOf(REFUSED, { log: LOG }, { log: LOG, words: WORDS });
  expect(looks).toBe(2);
  expect(err).toContain(`SOURCE_LAGGING: ${WORDS.message}\nhint: ${WORDS.hint} `);
  expect(err).toContain('It is started again by itself');
  expect(err).toContain('holdfast_test_notifications');
  expect(err).toContain(`holdfast show ${NEXT} --environment test --cluster orders`);
  const { event: _, ...failure } = WORDS;
  expect(error).toMatchObject({ code: 'BACKUP_FAILED', exit: 11, failure, nextLabel: NEXT });
});

test('nothing is said of another attempt where there is none', async () => {
  const words = { ...WORDS, code: 'SOURCE_VERSION', retryable: false };
  const { err, error } = await failureOf(REFUSED, { log: LOG, words });
  expect(err).not.toContain('again by itself');
  expect(error.nextLabel).toBeUndefined();
  // Somebody stopped it: that the runner thinks it may succeed when tried again is beside the point.
  const stopped = { ...REFUSED, exitCode: 143, stopCode: 'UserInitiated' };
  const byUser = await failureOf(stopped, { log: LOG, words: { ...WORDS, code: 'TERMINATED' } });
  expect(byUser.error.failure).toMatchObject({ code: 'STOPPED_BY_USER', retryable: false });
  expect(byUser.err).not.toContain('again by itself');
});

test.each<[string, Heard, string, number]>([
  [
    'may not be read',
    { log: LOG, notHeard: 'AccessDeniedException: no' },
    `(AccessDeniedException: no). Look into it: aws logs filter-log-events --log-group-name 'Log-of-orders' --log-stream-names 'orders/runner/0123' --filter-pattern '"task failed"'`,
    1,
  ],
  [
    'may not even be found',
    { notHeard: 'AccessDeniedException: no' },
    "aws ecs describe-task-definition --task-definition 'arn:definition:7'",
    1,
  ],
  ['says nothing', { log: LOG }, "--log-group-name 'Log-of-orders'", 3],
])('a command is given where the log %s', async (_, heard, command, looks) => {
  const found = await failureOf(REFUSED, heard, heard, heard);
  expect(found.err).toContain(command);
  expect(found.looks).toBe(looks);
  expect(found.error.failure).toBeUndefined();
});

test('of a task that was killed the cause is told, and no log is read', async () => {
  const end = { status: 'STOPPED', exitCode: 137, reasons: ['OutOfMemoryError: killed'] };
  const { looks, err, error } = await failureOf(end, {});
  expect(looks).toBe(0);
  expect(err).toContain('OUT_OF_MEMORY: ');
  expect(err).toContain('Raise memoryMiB');
  expect(error.failure).toMatchObject({ code: 'OUT_OF_MEMORY', retryable: false });
});

test('a task that ECS forgot has not ended well', async () => {
  await expect(backup(options(), surroundings([RUNNING]), 1)).rejects.toMatchObject({
    message: expect.stringContaining('the task is no more known to ECS'),
  });
});

test('where nothing was written since the parent, there is nothing to describe', async () => {
  const states = [{ status: 'STOPPED', exitCode: 0 }];
  const startTask = async () => ({ payload: ANSWER, failed: false });
  const io = surroundings(states, { startTask });
  await backup(options({ kind: 'physical', type: 'incremental' }), io, 1);
  expect(io.err()).toContain('Nothing was written to orders since its last backup');
  const json = surroundings(states, { startTask });
  await backup(options({ kind: 'physical', type: 'incremental', json: true }), json, 1);
  expect(JSON.parse(json.out())).toEqual({ ...ANSWER, exitCode: 0 });
});

test.each([
  [ExitCode.SourceDamaged, false],
  [ExitCode.DumpFailed, true],
])('whether anything of one that ended with %s is there is told', async (exitCode, gone) => {
  const io = surroundings([{ status: 'STOPPED', exitCode }]);
  const hint = 'Nothing of this attempt is listed or restored.';
  await expect(backup(options(), io, 1)).rejects.toMatchObject({
    hint: gone ? expect.stringContaining(hint) : expect.not.stringContaining(hint),
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
