import {
  DescribeTasksCommand,
  type DesiredStatus,
  type ECSClient,
  ListTasksCommand,
  type Task,
} from '@aws-sdk/client-ecs';
import { taskFamily } from '../../contract/environment-names.ts';
import { requestIn } from '../../contract/task-overrides.ts';
import { awsError } from '../../vault/aws-errors.ts';
import type { TaskStates } from '../../vault/stale-uploads.ts';
import type { TaskConfiguration } from './task-configuration.ts';

/** Tasks that DescribeTasks takes at a time. */
const AT_ONCE = 100;

type Ecs = Pick<ECSClient, 'send'>;

/**
 * Asks ECS which backups of the cluster have a task that lives, and which had one that has stopped.
 * A task's label is read from the request that it was started with: whoever started it, without one
 * it writes nothing.
 *
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function findTaskStates(
  ecs: Ecs,
  task: Pick<TaskConfiguration, 'environment' | 'cluster' | 'ecsCluster'>,
): Promise<TaskStates> {
  const tasks = [
    // One that is told to stop counts as STOPPED here, while it may still be at work.
    ...(await listTasks(ecs, task, 'RUNNING')),
    ...(await listTasks(ecs, task, 'STOPPED')),
  ];
  const living = new Set<string>();
  const stopped = new Set<string>();
  for (const found of await describeTasks(ecs, task.ecsCluster, tasks)) {
    // Of another version, or not ours at all: it has none.
    const label = requestIn(found.overrides)?.label;
    if (label !== undefined) (found.lastStatus === 'STOPPED' ? stopped : living).add(label);
  }
  return { living, stopped };
}

async function listTasks(
  ecs: Ecs,
  {
    environment,
    cluster,
    ecsCluster,
  }: Pick<TaskConfiguration, 'environment' | 'cluster' | 'ecsCluster'>,
  desiredStatus: DesiredStatus,
): Promise<string[]> {
  const family = taskFamily(environment, cluster);
  const arns: string[] = [];
  let nextToken: string | undefined;
  do {
    const page = await ecs
      .send(new ListTasksCommand({ cluster: ecsCluster, family, desiredStatus, nextToken }))
      .catch((error: unknown) => {
        throw awsError(error, 'ecs:ListTasks', ecsCluster);
      });
    arns.push(...(page.taskArns ?? []));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return arns;
}

async function describeTasks(
  ecs: Ecs,
  ecsCluster: string,
  arns: readonly string[],
): Promise<Task[]> {
  const described: Task[] = [];
  for (let at = 0; at < arns.length; at += AT_ONCE) {
    const { tasks = [] } = await ecs
      .send(new DescribeTasksCommand({ cluster: ecsCluster, tasks: arns.slice(at, at + AT_ONCE) }))
      .catch((error: unknown) => {
        throw awsError(error, 'ecs:DescribeTasks', ecsCluster);
      });
    described.push(...tasks);
  }
  return described;
}
