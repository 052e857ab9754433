import { describe, expect, it } from 'vitest';
import { HoldfastError } from '../../../contract/errors.ts';
import { StartTaskAnswer } from '../../../contract/request.ts';
import { forLambda } from '../../../functions/for-lambda.ts';
import { handler } from '../../../functions/start-task/handler.ts';
import type { LivingBackup } from '../../../functions/start-task/living-backups.ts';
import { planTask } from '../../../functions/start-task/plan.ts';
import { type EcsCalls, runPlan } from '../../../functions/start-task/run.ts';
import { readSettings } from '../../../functions/start-task/settings.ts';
import { FRESH, SCHEDULED, SETTINGS } from './settings-of-test.ts';

const PLAN = planTask(SCHEDULED, SETTINGS, FRESH);
const TASK_ARN = 'arn:aws:ecs:eu-central-1:111122223333:task/holdfast_test/0123';
const OTHER_ARN = 'arn:aws:ecs:eu-central-1:111122223333:task/holdfast_test/4567';
const STARTED = { tasks: [{ taskArn: TASK_ARN }], failures: [] };

type Answer = Awaited<ReturnType<EcsCalls['runTask']>> | Error;

/** An ECS that gives these answers to RunTask in turn, and a function with time for 26 seconds of pauses. */
class Ecs {
  readonly asked: unknown[] = [];
  readonly pauses: number[] = [];
  living: LivingBackup[] = [];
  private readonly answers: Answer[];

  constructor(...answers: Answer[]) {
    this.answers = answers;
  }

  run(plan = PLAN): Promise<StartTaskAnswer> {
    let remaining = 41_000;
    return runPlan(
      plan,
      {
        livingBackups: async () => this.living,
        runTask: async (input) => {
          this.asked.push(input);
          const next = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
          if (next instanceof Error) throw next;
          return next ?? {};
        },
      },
      {
        remainingMs: () => remaining,
        pause: async (ms) => {
          this.pauses.push(ms);
          remaining -= ms;
        },
      },
    );
  }
}

function error(name: string, message: string, more: object = {}): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode: 400 }, ...more });
}

const ASSUME = error(
  'ClientException',
  "ECS was unable to assume the role 'arn:aws:iam::111122223333:role/hf.test.orders' that was provided for this task.",
);

it('answers with label and task, and sends the plan as it is', async () => {
  const ecs = new Ecs(STARTED);
  expect(StartTaskAnswer.parse(await ecs.run())).toEqual({
    cluster: 'orders',
    label: PLAN.request.label,
    taskArn: TASK_ARN,
  });
  expect(ecs.asked).toEqual([PLAN.input]);
});

describe('what passes is asked for again, with the same client token', () => {
  it.each<[string, Answer]>([
    ['throttling', error('ThrottlingException', 'Rate exceeded')],
    [
      'the limit of tasks',
      error('ClientException', 'the number of vCPUs you can run concurrently'),
    ],
    ['a role that ECS cannot assume yet', ASSUME],
    ['a server error', error('Odd', 'x', { $metadata: { httpStatusCode: 500 } })],
    ['no answer', Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })],
    ['an answer without a task', { tasks: [{}] }],
    [
      'no capacity',
      {
        tasks: [],
        failures: [{ reason: 'Capacity is unavailable at this time. Please try again' }],
      },
    ],
    ['no room', { failures: [{ reason: 'RESOURCE:MEMORY', arn: 'arn:instance' }] }],
  ])('%s', async (_, first) => {
    const ecs = new Ecs(first, first, STARTED);
    expect((await ecs.run()).taskArn).toBe(TASK_ARN);
    expect(ecs.asked).toEqual([PLAN.input, PLAN.input, PLAN.input]);
    expect(ecs.pauses).toEqual([500, 1000]);
  });

  it('until the time is nearly over; then its code tells that it may pass', async () => {
    const ecs = new Ecs({ failures: [{ reason: 'Capacity is unavailable at this time.' }] });
    await expect(ecs.run()).rejects.toMatchObject({
      code: 'TASK_NOT_STARTED',
      retryable: true,
      message: expect.stringContaining(
        'of orders, asked 7 times: Capacity is unavailable at this time.',
      ),
    });
    expect(ecs.pauses).toEqual([500, 1000, 2000, 4000, 8000, 8000]);
  });
});

describe('what does not pass is refused at once', () => {
  it.each<[string, Answer, string]>([
    [
      'a permission that is missing',
      error('AccessDeniedException', 'not authorized to perform: ecs:RunTask'),
      'AccessDeniedException: not authorized to perform: ecs:RunTask',
    ],
    ['a network that is gone', error('InvalidParameterException', 'subnet-1'), 'subnet-1'],
    ['a failure of another kind', { failures: [{ reason: 'MISSING', arn: 'arn:x' }] }, 'MISSING'],
    ['one failure that stays among two', capacityAnd('MISSING'), 'MISSING'],
  ])('%s', async (_, answer, found) => {
    const ecs = new Ecs(answer);
    await expect(ecs.run()).rejects.toMatchObject({
      code: 'TASK_REFUSED',
      retryable: false,
      message: expect.stringContaining(found),
      ...(answer instanceof Error ? { cause: answer } : {}),
    });
    expect(ecs.asked).toHaveLength(1);
  });
});

function capacityAnd(reason: string): Answer {
  return { failures: [{ reason: 'Capacity is unavailable at this time.' }, { reason }] };
}

describe('while a task of the cluster lives', () => {
  const living = (label: string | undefined, kind: string | undefined): LivingBackup => ({
    taskArn: OTHER_ARN,
    label,
    kind,
    startedAt: new Date('2026-11-20T02:00:00Z'),
  });

  it.each([
    ['of the same kind', 'logical'],
    ['whose request cannot be read', undefined],
  ])('%s, another backup is refused, and told which one runs since when', async (_, kind) => {
    const ecs = new Ecs(STARTED);
    ecs.living = [living('20261120T010000Z-logical-full-000000', kind)];
    await expect(ecs.run()).rejects.toMatchObject({
      code: 'BACKUP_RUNNING',
      message: expect.stringMatching(
        /of orders runs already since 2026-11-20T02:00:00\.000Z: 20261120T010000Z-\S+, task \S+4567\./,
      ),
    });
    expect(ecs.asked).toEqual([]);
  });

  it('of another kind, the backup is started', async () => {
    const ecs = new Ecs(STARTED);
    ecs.living = [living('20261120T010000Z-physical-full-000000', 'physical')];
    expect((await ecs.run()).taskArn).toBe(TASK_ARN);
  });

  it('under the very label, it is the one that was asked for', async () => {
    const ecs = new Ecs(STARTED);
    ecs.living = [living(PLAN.request.label, 'logical')];
    expect((await ecs.run()).taskArn).toBe(OTHER_ARN);
    expect(ecs.asked).toEqual([]);
  });
});

it('takes the task that its client token belongs to, when ECS finds other parameters', async () => {
  const conflict = { resourceIds: [OTHER_ARN] };
  const ecs = new Ecs(error('ConflictException', 'token was used', conflict));
  expect((await ecs.run()).taskArn).toBe(OTHER_ARN);
});

it('throws what went wrong, named by its code and with the hint in the message', () => {
  const error = new HoldfastError('CLUSTER_UNKNOWN', 'No cluster.', { hint: 'Add it.' });
  expect(forLambda(error)).toMatchObject({
    name: 'CLUSTER_UNKNOWN',
    message: 'No cluster. Add it.',
  });
  expect(forLambda(new TypeError('x is not a function'))).toMatchObject({ name: 'INTERNAL' });
});

it('reads its environment when invoked, and names what is missing', async () => {
  const context = { awsRequestId: 'r', getRemainingTimeInMillis: () => 1 };
  await expect(handler(SCHEDULED, context)).rejects.toMatchObject({
    name: 'ENVIRONMENT_INVALID',
    message: expect.stringContaining('HOLDFAST_ENVIRONMENT'),
  });
});

it('reads lists and the public address from its environment', () => {
  const settings = readSettings({
    HOLDFAST_ENVIRONMENT: 'test',
    HOLDFAST_ECS_CLUSTER: SETTINGS.ecsCluster,
    HOLDFAST_SUBNETS: 'subnet-1,subnet-2',
    HOLDFAST_SECURITY_GROUPS: 'sg-1',
    HOLDFAST_ASSIGN_PUBLIC_IP: 'false',
    HOLDFAST_CLUSTERS: 'orders,billing',
  });
  expect(settings).toEqual(SETTINGS);
});

it('tells a person what to send to ask for the same backup again', async () => {
  const asked = { action: 'backup', cluster: 'orders', kind: 'logical' };
  const plan = planTask(asked, SETTINGS, FRESH);
  const answer = await new Ecs(STARTED).run(plan);
  expect(answer).toMatchObject({ requestId: FRESH.id, requestedAt: FRESH.now });
  const { requestId, requestedAt } = answer;
  const again = planTask({ ...asked, requestId, requestedAt }, SETTINGS, {
    id: 'x',
    now: FRESH.now,
  });
  expect(again.input.clientToken).toBe(plan.input.clientToken);
});
