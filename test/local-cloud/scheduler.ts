import { ECSClient, type PropagateTags, RunTaskCommand } from '@aws-sdk/client-ecs';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { Model, ScheduleModel } from './model.ts';
import type { FunctionAnswer } from './platform/functions.ts';
import type { Principals } from './principals.ts';

export interface FireOptions {
  /** When the schedule was due. @default now */
  readonly scheduledTime?: Date;
  /** Which try this is: the scheduled time stays the same in all of them. @default 1 */
  readonly attempt?: number;
}

/**
 * EventBridge Scheduler, driven by hand instead of by the clock: fills in the placeholders and
 * invokes the target under the schedule's own role. Scheduler itself does not wait for the function;
 * the driver does, so that a test sees what it answered.
 */
export class Scheduler {
  private readonly model: Model;
  private readonly principals: Principals;
  /** Where both Lambda and ECS answer. */
  private readonly endpoint: string;

  constructor(model: Model, principals: Principals, endpoint: string) {
    this.model = model;
    this.principals = principals;
    this.endpoint = endpoint;
  }

  /** The cluster's schedule of that name, told by the input that it sends. */
  find(cluster: string, name?: string): ScheduleModel {
    const ofCluster = this.model.schedules.filter((each) => {
      const input = JSON.parse(each.input) as { cluster?: string; schedule?: string };
      return input.cluster === cluster && (name === undefined || input.schedule === name);
    });
    const [schedule] = ofCluster;
    if (schedule !== undefined && ofCluster.length === 1) return schedule;
    const names = this.model.schedules.map((each) => each.name).join(', ');
    throw new Error(
      `${ofCluster.length} schedules fit ${cluster} ${name ?? ''}; deployed are: ${names}.`,
    );
  }

  /** The schedule of that name, as it was deployed. */
  named(name: string): ScheduleModel {
    const schedule = this.model.schedules.find((each) => each.name === name);
    if (schedule !== undefined) return schedule;
    const names = this.model.schedules.map((each) => each.name).join(', ');
    throw new Error(`No schedule ${name} was deployed; there are: ${names}.`);
  }

  async fire(schedule: ScheduleModel, options: FireOptions = {}): Promise<FunctionAnswer> {
    const client = new LambdaClient(this.connection(schedule));
    const { Payload, FunctionError } = await client.send(
      new InvokeCommand({
        FunctionName: schedule.targetArn,
        Payload: Buffer.from(fillIn(schedule, options)),
      }),
    );
    const payload = Buffer.from(Payload ?? []).toString('utf8');
    return FunctionError === undefined ? { payload } : { payload, functionError: 'Unhandled' };
  }

  /** Fires a schedule that starts a task. @returns the task's ARN */
  async fireTask(schedule: ScheduleModel): Promise<string> {
    const { task, targetArn: cluster } = schedule;
    if (task === undefined) throw new Error(`${schedule.name} starts no task.`);
    const { taskDefinition, subnets } = task;
    const { tasks = [] } = await new ECSClient(this.connection(schedule)).send(
      new RunTaskCommand({
        ...{ cluster, taskDefinition },
        launchType: task.launchType as 'FARGATE',
        propagateTags: task.propagateTags as PropagateTags,
        networkConfiguration: { awsvpcConfiguration: { subnets: [...subnets] } },
      }),
    );
    return tasks[0]?.taskArn ?? 'none was started';
  }

  /** Under the schedule's own role. */
  private connection(schedule: ScheduleModel) {
    const role = this.principals.forArn(schedule.roleArn);
    if (!role.trusts.includes('scheduler.amazonaws.com')) {
      throw new Error(`${role.name} does not let EventBridge Scheduler assume it.`);
    }
    const { region } = this.model;
    return { endpoint: this.endpoint, region, credentials: role.keys, maxAttempts: 1 };
  }
}

/** @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html */
function fillIn(
  schedule: ScheduleModel,
  { scheduledTime = new Date(), attempt = 1 }: FireOptions,
): string {
  // Whole seconds: Scheduler writes 2026-11-20T03:00:00Z.
  const time = `${scheduledTime.toISOString().slice(0, 19)}Z`;
  return schedule.input
    .replaceAll('<aws.scheduler.schedule-arn>', schedule.arn)
    .replaceAll('<aws.scheduler.scheduled-time>', time)
    .replaceAll('<aws.scheduler.execution-id>', crypto.randomUUID())
    .replaceAll('<aws.scheduler.attempt-number>', String(attempt));
}
