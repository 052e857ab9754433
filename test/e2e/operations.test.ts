import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  backupRoleName,
  startTaskFunctionName,
  taskStoppedFunctionName,
} from '../../contract/environment-names.ts';
import { StartTaskAnswer } from '../../contract/request.ts';
import type { StopCause } from '../../contract/stop-causes.ts';
import { type Answer, type LocalCloud, startLocalCloud } from '../local-cloud/local-cloud.ts';
import type { StopEvent } from '../local-cloud/platform/stop-event.ts';
import { freePort } from '../local-cloud/servers/free-port.ts';
import type { Published } from '../local-cloud/servers/moto.ts';
import { STOCK_TOOLS } from '../local-cloud/stock-tools.ts';

const START_TASK = startTaskFunctionName('local');
const TASK_STOPPED = taskStoppedFunctionName('local');
const ASK = { action: 'backup', cluster: 'orders', kind: 'logical' } as const;

let cloud: LocalCloud;
let read = 0;
let hour = 0;

beforeAll(async () => {
  cloud = await startLocalCloud();
}, 240_000);
afterEach(() => {
  cloud.giveTasks({});
  cloud.giveFunctions({});
});
afterAll(() => cloud.stop(), 60_000);

/** An hour of its own for each backup, so that each has its own label. */
function due(): Date {
  hour += 1;
  return new Date(Date.UTC(2026, 8, 1, hour));
}

async function start(): Promise<StartTaskAnswer> {
  const answer = await cloud.fireSchedule('orders', 'daily', due());
  return StartTaskAnswer.parse(answer.payload);
}

/** Runs a backup to its end, and to the end of what is told of it. */
async function run(): Promise<{ label: string; event: StopEvent; answer: Answer }> {
  const { label, taskArn } = await start();
  return { label, ...(await cloud.stopOf(taskArn)) };
}

/** What has been published since this was asked last. */
async function news(): Promise<readonly Published[]> {
  const all = await cloud.published();
  const fresh = all.slice(read);
  read = all.length;
  return fresh;
}

function roleOf(functionName: string): string {
  return cloud.model.functions.get(functionName)?.roleArn.split('/').at(-1) ?? '';
}

function metricsOf(label: string): Record<string, unknown>[] {
  const log = readFileSync(join(cloud.directory, `function-${TASK_STOPPED}.log`), 'utf8');
  const lines = log.split('\n').filter((line) => line.startsWith('{"_aws"'));
  return lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line.label === label);
}

/** The same stop, told as if it had been another one. */
function changed(event: StopEvent, detail: object, container: object = {}): StopEvent {
  const [first] = event.detail.containers as object[];
  const { exitCode: _, ...without } = first as { exitCode?: number };
  const containers = [{ ...without, ...container }];
  return { ...event, detail: { ...event.detail, containers, ...detail } };
}

describe('start-task', () => {
  test('starts one task for an invocation that comes twice at once, and refuses another meanwhile', async () => {
    const before = cloud.taskArns().length;
    const when = due();
    const [one, other] = await Promise.all([
      cloud.fireSchedule('orders', 'daily', when),
      cloud.fireSchedule('orders', 'daily', when),
    ]);
    expect(other).toEqual(one);
    const { label, taskArn } = StartTaskAnswer.parse(one.payload);
    const { pid } = await cloud.task(taskArn);
    process.kill(pid, 'SIGSTOP');
    try {
      expect(await cloud.fireSchedule('orders', 'daily', when)).toEqual(one);
      const refused = await cloud.invoke(START_TASK, ASK);
      expect(refused).toMatchObject({
        failed: true,
        payload: {
          errorType: 'BACKUP_RUNNING',
          errorMessage: expect.stringMatching(
            `A logical backup of orders runs already since .*: ${label}, task ${taskArn}\\.`,
          ),
        },
      });
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    expect((await cloud.waitForTask(taskArn, { timeoutSeconds: 120 })).exitCode).toBe(0);
    expect(await cloud.fireSchedule('orders', 'daily', when)).toEqual(one);
    expect(cloud.taskArns()).toHaveLength(before + 1);
    const { answer } = await cloud.stopOf(taskArn);
    expect(answer).toMatchObject({ failed: false, payload: { verdict: { succeeded: true } } });
    expect(metricsOf(label)).toMatchObject([{ BackupsSucceeded: 1, BackupsFailed: 0 }]);
    expect(await news()).toEqual([]);
  });

  test('asks ECS again for what passes, and starts one task though an answer got lost', async () => {
    const before = cloud.taskArns().length;
    cloud.failRunTask(
      { kind: 'error', code: 'ThrottlingException', message: 'Rate exceeded' },
      {
        kind: 'error',
        code: 'ClientException',
        message: `ECS was unable to assume the role '${backupRoleName('local', 'orders')}' that was provided for this task.`,
      },
      {
        kind: 'failures',
        failures: [{ reason: 'Capacity is unavailable at this time. Please try again later' }],
      },
      { kind: 'answer lost' },
    );
    const { taskArn } = await start();
    expect(cloud.taskArns().slice(before)).toEqual([taskArn]);
    expect((await cloud.waitForTask(taskArn, { timeoutSeconds: 120 })).exitCode).toBe(0);
  });

  test('refuses at once what does not pass, and says what ECS said', async () => {
    const message = 'The subnet ID subnet-1 does not exist';
    cloud.failRunTask({ kind: 'error', code: 'InvalidParameterException', message });
    expect(await cloud.invoke(START_TASK, ASK)).toMatchObject({
      failed: true,
      payload: { errorType: 'TASK_REFUSED', errorMessage: expect.stringContaining(message) },
    });
  });

  test('is invoked by hand with the AWS CLI, and once more with what it answered', async () => {
    const answerFile = join(cloud.directory, 'answer.json');
    const invoke = async (payload: object): Promise<StartTaskAnswer> => {
      const args = ['--function-name', START_TASK, '--payload', JSON.stringify(payload)];
      await execa(join(STOCK_TOOLS, 'aws'), ['lambda', 'invoke', ...args, answerFile], {
        env: { ...cloud.principals.admin.environment, AWS_DEFAULT_REGION: cloud.region },
      });
      return StartTaskAnswer.parse(JSON.parse(await readFile(answerFile, 'utf8')));
    };
    const { label, taskArn, requestId, requestedAt } = await invoke(ASK);
    const again = await invoke({ ...ASK, requestId, requestedAt });
    expect(again).toEqual({ cluster: 'orders', label, taskArn, requestId, requestedAt });
    expect((await cloud.waitForTask(taskArn, { timeoutSeconds: 120 })).exitCode).toBe(0);
  });
});

describe('a task that fails', () => {
  test('for its memory is told as that, with what to do, and not tried again', async () => {
    cloud.giveTasks({ memoryMiB: 48 });
    const { label } = await run();
    expect(await news()).toEqual([
      {
        topicArn: expect.stringMatching(/:holdfast_local_notifications$/),
        subject: 'local/orders: BACKUP FAILED (OUT_OF_MEMORY)',
        message: expect.stringMatching(
          /Label: 20\d{6}T\S+\n[\s\S]*Exit status: 137\n[\s\S]*Raise memoryMiB of the cluster/,
        ),
      },
    ]);
    expect(metricsOf(label)).toMatchObject([{ BackupsFailed: 1, cause: 'OUT_OF_MEMORY' }]);
    expect(await cloud.oneTimeSchedules()).toEqual([]);
  });

  test('with a status that stays is told with its code, and not tried again', async () => {
    const giveBack = await cloud.withoutPermission(
      backupRoleName('local', 'orders'),
      's3:PutObject',
    );
    try {
      await run();
    } finally {
      await giveBack();
    }
    expect(await news()).toMatchObject([
      {
        subject: 'local/orders: BACKUP FAILED (RUNNER_FAILED)',
        message: expect.stringMatching(/The runner said: VAULT_DENIED: .*s3:PutObject/),
      },
    ]);
    expect(await cloud.oneTimeSchedules()).toEqual([]);
  });

  test('without ever starting is told in the words of ECS, and tried again', async () => {
    cloud.giveTasks({ files: { '/etc/never': '/nonexistent/never' } });
    const { answer } = await run();
    expect(answer).toMatchObject({ payload: { verdict: { cause: 'NOT_STARTED' } } });
    const [{ subject, message } = { subject: '', message: '' }] = await news();
    expect(subject).toMatch(/tries again \d\d:\d\d UTC$/);
    expect(message).toContain('Exit status: none');
    expect(message).toContain('ECS says: CannotStartContainerError');
    cloud.giveTasks({});
    const [retry] = await cloud.oneTimeSchedules();
    const next = await cloud.fireOneTimeSchedule(retry?.name ?? '');
    const { taskArn } = StartTaskAnswer.parse(next.payload);
    expect((await cloud.stopOf(taskArn)).answer).toMatchObject({
      payload: { verdict: { succeeded: true }, told: true },
    });
    expect(await news()).toHaveLength(1);
  });
});

describe('a task whose failure may pass', () => {
  let failed: Awaited<ReturnType<typeof run>>;

  test('while SNS is down fails the function, and the next attempt is scheduled once', async () => {
    const port = await freePort();
    const uri = `postgresql://holdfast:x@127.0.0.1:${port}/postgres?sslmode=disable`;
    await cloud.putSecret('orders', JSON.stringify({ uris: [uri] }));
    cloud.giveFunctions({ AWS_ENDPOINT_URL_SNS: `http://127.0.0.1:${port}` });
    failed = await run();
    expect(failed.answer).toMatchObject({
      failed: true,
      payload: {
        errorType: 'NOT_TOLD',
        errorMessage: expect.stringMatching(/SNS did not take "local\/orders: .*ECONNREFUSED/),
      },
    });
    expect(await news()).toEqual([]);
    expect(await cloud.oneTimeSchedules()).toHaveLength(1);
  });

  test('is told once SNS is back and Lambda calls again; the schedule is still one', async () => {
    const [retry] = await cloud.oneTimeSchedules();
    expect(await cloud.deliver(failed.event)).toMatchObject([{ failed: false }]);
    expect(await news()).toMatchObject([
      {
        subject: `local/orders: backup failed, tries again ${retry?.at.toISOString().slice(11, 16)} UTC`,
        message: expect.stringContaining('The runner said: SOURCE_UNREACHABLE'),
      },
    ]);
    expect(await cloud.oneTimeSchedules()).toEqual([retry]);
    const stoppedAt = Date.parse(String(failed.event.detail.stoppedAt));
    expect(Math.ceil(stoppedAt / 1000) * 1000 + 600_000).toBe(retry?.at.getTime());
  });

  test('is started again by that schedule under another label, and people hear how it ended', async () => {
    await cloud.connectSource('orders', cloud);
    const [{ name } = { name: '' }] = await cloud.oneTimeSchedules();
    const { label, taskArn } = StartTaskAnswer.parse(
      (await cloud.fireOneTimeSchedule(name)).payload,
    );
    expect(label).not.toBe(failed.label);
    expect(label.slice(0, 16)).toBe(failed.label.slice(0, 16));
    expect(await cloud.oneTimeSchedules()).toEqual([]);
    expect((await cloud.waitForTask(taskArn, { timeoutSeconds: 120 })).exitCode).toBe(0);
    await cloud.stopOf(taskArn);
    expect(await news()).toMatchObject([
      { subject: 'local/orders: backup succeeded at attempt 2' },
    ]);
    expect((await cloud.holdfast(['list', '--json'])).stdout).toContain(label);
  });

  test.each<[string, StopCause, object, object]>([
    [
      'whose image cannot be pulled',
      'IMAGE_UNAVAILABLE',
      {
        stopCode: 'TaskFailedToStart',
        stoppedReason: 'CannotPullContainerError: pull image manifest has been retried 5 time(s)',
      },
      {},
    ],
    [
      'that a Spot interruption ended',
      'SPOT_INTERRUPTED',
      { stopCode: 'SpotInterruption', stoppedReason: 'Your Spot Task was interrupted.' },
      { exitCode: 143 },
    ],
    [
      'that could not be prepared',
      'RESOURCES_UNAVAILABLE',
      {
        stopCode: 'TaskFailedToStart',
        stoppedReason: 'ResourceInitializationError: unable to pull secrets or registry auth',
      },
      {},
    ],
    ['that left no exit status', 'NO_EXIT_STATUS', { stoppedReason: 'Host was lost' }, {}],
  ])('%s is told as that, and tried again', async (_, cause, detail, container) => {
    const event = changed(failed.event, detail, container);
    expect(await cloud.deliver(event)).toMatchObject([{ payload: { verdict: { cause } } }]);
    const [message] = await news();
    expect(message?.subject).toMatch(/tries again \d\d:\d\d UTC$/);
    expect(message?.message).toContain(`${cause}: `);
    expect(await cloud.oneTimeSchedules()).toHaveLength(1);
  });
});

describe('a permission that task-stopped lacks', () => {
  test.each(['sns:Publish', 'kms:GenerateDataKey', 'scheduler:CreateSchedule', 'iam:PassRole'])(
    '%s is named by the error that Lambda shows',
    async (action) => {
      const { event } = await cloud.stopOf(cloud.taskArns().at(-1) ?? '');
      const passing = changed(event, { stopCode: 'SpotInterruption' }, { exitCode: 143 });
      const giveBack = await cloud.withoutPermission(roleOf(TASK_STOPPED), action);
      try {
        expect(await cloud.deliver(passing)).toMatchObject([
          {
            failed: true,
            payload: { errorType: 'NOT_TOLD', errorMessage: expect.stringContaining(action) },
          },
        ]);
      } finally {
        await giveBack();
      }
    },
  );
});

test.each(['logs:GetLogEvents', 'ecs:DescribeTaskDefinition'])(
  'without %s the log cannot be read, which is told, and all else too',
  async (action) => {
    const { event } = await cloud.stopOf(cloud.taskArns().at(-1) ?? '');
    const giveBack = await cloud.withoutPermission(roleOf(TASK_STOPPED), action);
    try {
      expect(await cloud.deliver(changed(event, {}, { exitCode: 20 }))).toMatchObject([
        { failed: false },
      ]);
    } finally {
      await giveBack();
    }
    const message = (await news()).at(-1)?.message;
    expect(message).toMatch(new RegExp(`Its log could not be read: AccessDenied.*${action}`));
    expect(message).toContain('may be VAULT_DENIED: S3 or KMS refused');
  },
);

test('an event of another cluster, or of a task that still runs, reaches no function', async () => {
  const { event } = await cloud.stopOf(cloud.taskArns().at(-1) ?? '');
  expect(await cloud.deliver(changed(event, { lastStatus: 'RUNNING' }))).toEqual([]);
  expect(await cloud.deliver(changed(event, { clusterArn: 'arn:aws:ecs:x:1:cluster/y' }))).toEqual(
    [],
  );
  expect(await cloud.deliver(changed(event, { group: 'service:web' }))).toEqual([]);
});
