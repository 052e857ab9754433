import { buildTaskRequest, type TaskRequest } from '../../../contract/request.ts';
import { readStoppedTask, type StoppedTask } from '../../../functions/task-stopped/stopped-task.ts';

export const REQUEST: TaskRequest = {
  action: 'backup',
  cluster: 'orders',
  kind: 'logical',
  type: 'full',
  label: '20261120T030000Z-logical-full-7f3a9c',
  attempt: 0,
  askedBy: { by: 'schedule', schedule: 'daily', scheduledTime: '2026-11-20T03:00:00Z' },
};

export const SETTINGS = {
  environment: 'prod',
  topicArn: 'arn:aws:sns:eu-central-1:111122223333:holdfast_prod_notifications',
  startTaskArn: 'arn:aws:lambda:eu-central-1:111122223333:function:holdfast_prod_start-task',
  scheduleGroup: 'holdfast_prod',
  schedulerRoleArn: 'arn:aws:iam::111122223333:role/schedules',
  maxRetries: 2,
  retryAfterMinutes: 10,
};

/** Four seconds and a quarter after the example's task stopped. */
export const NOW = new Date('2026-11-20T03:20:05Z');

export const TASK_DEFINITION_ARN =
  'arn:aws:ecs:eu-central-1:111122223333:task-definition/holdfast_prod_backup_orders:7';
const TASK_ARN = 'arn:aws:ecs:eu-central-1:111122223333:task/holdfast_prod/c13b4cb40f1f4fe4';

/** What a test says of a stop; all else is as ECS tells it. */
export interface Stop {
  readonly exitCode?: number;
  /** Of the container. */
  readonly reason?: string;
  readonly stopCode?: string;
  readonly stoppedReason?: string;
  readonly request?: TaskRequest;
  /** Over the event's detail; `undefined` takes a property away. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

/**
 * ECS's event of a Fargate task that has stopped.
 *
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
 */
export function stopEvent(stop: Stop): Record<string, unknown> {
  const { exitCode, reason, request = REQUEST, detail = {} } = stop;
  return {
    version: '0',
    id: '3317b2af-7005-947d-b652-f55e762e571a',
    'detail-type': 'ECS Task State Change',
    source: 'aws.ecs',
    account: '111122223333',
    time: '2026-11-20T03:20:00Z',
    region: 'eu-central-1',
    resources: [TASK_ARN],
    detail: {
      attachments: [{ id: '1789', type: 'eni', status: 'DELETED', details: [] }],
      availabilityZone: 'eu-central-1a',
      clusterArn: 'arn:aws:ecs:eu-central-1:111122223333:cluster/holdfast_prod',
      containers: [
        {
          containerArn: 'arn:aws:ecs:eu-central-1:111122223333:container/cf159fd6',
          lastStatus: 'STOPPED',
          name: 'runner',
          taskArn: TASK_ARN,
          cpu: '2048',
          ...(exitCode === undefined ? {} : { exitCode }),
          ...(reason === undefined ? {} : { reason }),
        },
      ],
      createdAt: '2026-11-20T03:00:08.101Z',
      launchType: 'FARGATE',
      desiredStatus: 'STOPPED',
      group: 'family:holdfast_prod_backup_orders',
      lastStatus: 'STOPPED',
      overrides: {
        containerOverrides: [
          {
            environment: [{ name: 'HOLDFAST_REQUEST', value: buildTaskRequest(request) }],
            name: 'runner',
          },
        ],
      },
      startedAt: '2026-11-20T03:00:30.25Z',
      startedBy: request.label,
      stopCode: stop.stopCode ?? 'EssentialContainerExited',
      stoppedAt: '2026-11-20T03:20:00.75Z',
      stoppedReason: stop.stoppedReason ?? 'Essential container in task exited',
      taskArn: TASK_ARN,
      taskDefinitionArn: TASK_DEFINITION_ARN,
      version: 6,
      ...detail,
    },
  };
}

export function stopped(stop: Stop): StoppedTask {
  return readStoppedTask(stopEvent(stop), 'prod');
}
