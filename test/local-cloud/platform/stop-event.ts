import { randomUUID } from 'node:crypto';
import type { Task } from './tasks.ts';

/**
 * What ECS tells EventBridge when a task has stopped.
 *
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
 */
export interface StopEvent {
  readonly source: 'aws.ecs';
  readonly 'detail-type': 'ECS Task State Change';
  readonly detail: Readonly<Record<string, unknown>>;
  readonly [other: string]: unknown;
}

export function stopEvent(task: Task, place: { region: string; account: string }): StopEvent {
  const { region, account } = place;
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': 'ECS Task State Change',
    source: 'aws.ecs',
    account,
    time: iso(task.stoppedAt),
    region,
    resources: [task.arn],
    detail: detailOf(task, region),
  };
}

function detailOf(task: Task, region: string): Record<string, unknown> {
  const { definition, overrides } = task;
  return withoutAbsent({
    attachments: [],
    attributes: [{ name: 'ecs.cpu-architecture', value: 'x86_64' }],
    availabilityZone: `${region}a`,
    clusterArn: task.clusterArn,
    connectivity: 'CONNECTED',
    containers: [
      withoutAbsent({
        containerArn: `${task.arn.replace(':task/', ':container/')}/${randomUUID()}`,
        exitCode: task.exitCode,
        lastStatus: 'STOPPED',
        name: definition.container.name,
        image: definition.container.image,
        reason: task.reason,
        taskArn: task.arn,
        networkInterfaces: [],
        cpu: String(definition.cpu),
        memory: String(definition.memoryMiB),
      }),
    ],
    cpu: String(definition.cpu),
    createdAt: iso(task.createdAt),
    desiredStatus: 'STOPPED',
    enableExecuteCommand: false,
    ephemeralStorage: { sizeInGiB: 20 },
    executionStoppedAt: iso(task.stoppedAt),
    group: task.group ?? `family:${definition.family}`,
    launchType: 'FARGATE',
    lastStatus: 'STOPPED',
    memory: String(definition.memoryMiB),
    overrides: {
      containerOverrides: [
        {
          environment: Object.entries(overrides.environment).map(([name, value]) => ({
            name,
            value,
          })),
          name: definition.container.name,
        },
      ],
    },
    platformVersion: '1.4.0',
    startedAt: iso(task.startedAt),
    startedBy: task.startedBy,
    stopCode: task.stopCode,
    stoppedAt: iso(task.stoppedAt),
    stoppedReason: task.stoppedReason,
    stoppingAt: iso(task.stoppedAt),
    taskArn: task.arn,
    taskDefinitionArn: definition.arn,
    updatedAt: iso(task.stoppedAt),
    version: 6,
  });
}

function iso(date: Date | undefined): string | undefined {
  return date?.toISOString();
}

/** ECS leaves out what it does not know. */
function withoutAbsent(of: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined));
}
