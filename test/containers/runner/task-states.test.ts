import { type DescribeTasksCommand, type ECSClient, ListTasksCommand } from '@aws-sdk/client-ecs';
import { expect, test } from 'vitest';
import { findTaskStates } from '../../../containers/runner/task-states.ts';

const LABELS = Array.from(
  { length: 230 },
  (_, at) => `20261120T030000Z-logical-full-${at.toString(16).padStart(6, '0')}`,
);

const TASK = { environment: 'test', cluster: 'orders', ecsCluster: 'arn:cluster' };

function request(label: string): string {
  const askedBy = { by: 'person', requestId: 'a', requestedAt: '2026-11-20T03:00:00Z' };
  const { cluster } = TASK;
  return JSON.stringify({
    ...{ action: 'backup', cluster, kind: 'logical', label, attempt: 0, askedBy },
  });
}

/** An ECS of so many tasks, by id; its lists come in pages of 100. */
function ecsOf(tasks: readonly { desired: string; last: string; request: string }[]) {
  const asked: unknown[] = [];
  const send = async (command: unknown): Promise<object> => {
    if (command instanceof ListTasksCommand) {
      const { desiredStatus, nextToken = '0', ...rest } = command.input;
      asked.push(rest);
      const ids = [...tasks.entries()].filter(([, task]) => task.desired === desiredStatus);
      const from = Number(nextToken);
      const next = from + 100 < ids.length ? { nextToken: String(from + 100) } : {};
      return { taskArns: ids.slice(from, from + 100).map(([id]) => String(id)), ...next };
    }
    const { input } = command as DescribeTasksCommand;
    expect(input.cluster).toBe(TASK.ecsCluster);
    expect(input.tasks?.length).toBeLessThanOrEqual(100);
    return {
      tasks: input.tasks?.map((id) => ({
        lastStatus: tasks[Number(id)]?.last,
        overrides: {
          containerOverrides: [
            { environment: [{ name: 'HOLDFAST_REQUEST', value: tasks[Number(id)]?.request }] },
          ],
        },
      })),
    };
  };
  return { ecs: { send } as unknown as Pick<ECSClient, 'send'>, asked };
}

test('tells living tasks from stopped ones, over pages, by the request that each was started with', async () => {
  const { ecs, asked } = ecsOf(
    LABELS.map((label, at) => ({
      desired: at % 2 === 0 ? 'RUNNING' : 'STOPPED',
      last: at % 2 === 0 ? 'RUNNING' : 'STOPPED',
      request: request(label),
    })),
  );
  const { living, stopped } = await findTaskStates(ecs, TASK);
  expect([...living]).toEqual(LABELS.filter((_, at) => at % 2 === 0));
  expect([...stopped]).toEqual(LABELS.filter((_, at) => at % 2 === 1));
  expect(asked[0]).toEqual({ cluster: 'arn:cluster', family: 'holdfast_test_backup_orders' });
});

test('one that is told to stop lives until it has stopped', async () => {
  const [label = ''] = LABELS;
  const { ecs } = ecsOf([
    { desired: 'STOPPED', last: 'RUNNING', request: request(label) },
    { desired: 'STOPPED', last: 'STOPPED', request: 'of another version' },
  ]);
  const { living, stopped } = await findTaskStates(ecs, TASK);
  expect([...living]).toEqual([label]);
  expect([...stopped]).toEqual([]);
});

test('a refusal names the right that is missing', async () => {
  const denied = Object.assign(new Error('not authorized'), { name: 'AccessDeniedException' });
  const ecs = { send: () => Promise.reject(denied) } as unknown as Pick<ECSClient, 'send'>;
  await expect(findTaskStates(ecs, TASK)).rejects.toMatchObject({
    code: 'VAULT_DENIED',
    message: expect.stringContaining('ecs:ListTasks on arn:cluster'),
  });
});
