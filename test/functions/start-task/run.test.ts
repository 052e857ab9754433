import { expect, it } from 'vitest';
import { HoldfastError } from '../../../contract/errors.ts';
import { StartTaskAnswer } from '../../../contract/request.ts';
import { forLambda, handler } from '../../../functions/start-task/handler.ts';
import { planTask } from '../../../functions/start-task/plan.ts';
import { type RunTask, runPlan } from '../../../functions/start-task/run.ts';
import { readSettings } from '../../../functions/start-task/settings.ts';
import { FRESH, SCHEDULED, SETTINGS } from './settings-of-test.ts';

const PLAN = planTask(SCHEDULED, SETTINGS, FRESH);
const TASK_ARN = 'arn:aws:ecs:eu-central-1:111122223333:task/holdfast_test/0123';

function answering(answer: Awaited<ReturnType<RunTask>>): RunTask {
  return async () => answer;
}

it('answers with label and task, and sends the plan as it is', async () => {
  const sent: unknown[] = [];
  const answer = await runPlan(PLAN, async (input) => {
    sent.push(input);
    return { tasks: [{ taskArn: TASK_ARN }], failures: [] };
  });
  expect(sent).toEqual([PLAN.input]);
  expect(StartTaskAnswer.parse(answer)).toEqual({
    cluster: 'orders',
    label: PLAN.request.label,
    taskArn: TASK_ARN,
  });
});

it('takes an answer with failures for one', async () => {
  const failures = [{ reason: 'Capacity is unavailable at this time.', detail: 'FARGATE' }];
  await expect(runPlan(PLAN, answering({ tasks: [], failures }))).rejects.toMatchObject({
    code: 'TASK_NOT_STARTED',
    retryable: true,
    message: expect.stringContaining('of orders: Capacity is unavailable at this time., FARGATE.'),
  });
});

it.each([{}, { tasks: [], failures: [] }, { tasks: [{}] }])(
  'takes an answer without a task for a failure: %j',
  async (answer) => {
    await expect(runPlan(PLAN, answering(answer))).rejects.toMatchObject({
      code: 'TASK_NOT_STARTED',
      message: expect.stringContaining('neither a task nor a failure'),
    });
  },
);

it('says what ECS said when it refuses, and keeps the cause', async () => {
  const cause = Object.assign(new Error('not authorized to perform: ecs:RunTask'), {
    name: 'AccessDeniedException',
  });
  await expect(runPlan(PLAN, () => Promise.reject(cause))).rejects.toMatchObject({
    code: 'TASK_NOT_STARTED',
    message: expect.stringContaining(
      'AccessDeniedException: not authorized to perform: ecs:RunTask',
    ),
    cause,
  });
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
  await expect(handler(SCHEDULED, { awsRequestId: 'r' })).rejects.toMatchObject({
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
  const answer = await runPlan(plan, answering({ tasks: [{ taskArn: TASK_ARN }] }));
  expect(answer).toMatchObject({ requestId: FRESH.id, requestedAt: FRESH.now });
  const { requestId, requestedAt } = answer;
  const again = planTask({ ...asked, requestId, requestedAt }, SETTINGS, {
    id: 'x',
    now: FRESH.now,
  });
  expect(again.input.clientToken).toBe(plan.input.clientToken);
});
