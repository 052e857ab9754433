import { DescribeTasksCommand, type ECSClient, ListTasksCommand } from '@aws-sdk/client-ecs';
import { requestIn } from '../../contract/task-overrides.ts';
import type { StartPlan } from './plan.ts';

/** A backup whose task has not been told to stop. */
export interface LivingBackup {
  readonly taskArn: string;
  /** `undefined`: a task of the cluster's whose request cannot be read. */
  readonly label: string | undefined;
  readonly kind: string | undefined;
  readonly startedAt: Date | undefined;
}

/** Tasks that DescribeTasks takes at a time, and ListTasks gives. */
const AT_ONCE = 100;

/**
 * Asks ECS which backups of the plan's cluster run. It answers as it sees things at the moment, and
 * may not see a task that was started a second ago: a courtesy to the source, and no fence. What
 * keeps two tasks off one label is the conditional write in the vault; what tells two backups of one
 * server of each other is the advisory lock.
 */
export async function findLivingBackups(
  ecs: Pick<ECSClient, 'send'>,
  { input }: StartPlan,
): Promise<LivingBackup[]> {
  const { cluster, taskDefinition: family } = input;
  const list = new ListTasksCommand({ cluster, family, desiredStatus: 'RUNNING' });
  // One page: a cluster has a handful of tasks at the very most.
  const { taskArns = [] } = await ecs.send(list);
  if (taskArns.length === 0) return [];
  const { tasks = [] } = await ecs.send(
    new DescribeTasksCommand({ cluster, tasks: taskArns.slice(0, AT_ONCE) }),
  );
  return tasks
    .filter(({ desiredStatus }) => desiredStatus !== 'STOPPED')
    .map(({ taskArn = '', overrides, createdAt }) => {
      const request = requestIn(overrides);
      return { taskArn, label: request?.label, kind: request?.kind, startedAt: createdAt };
    });
}
