import {
  DeleteScheduleCommand,
  GetScheduleCommand,
  type GetScheduleCommandOutput,
  ListSchedulesCommand,
  SchedulerClient,
  type SchedulerClientConfig,
} from '@aws-sdk/client-scheduler';
import type { Model } from './model.ts';
import type { FunctionAnswer } from './platform/functions.ts';
import type { Scheduler } from './scheduler.ts';

/** A schedule that a function has made, to fire once. */
export interface OneTimeSchedule {
  readonly name: string;
  readonly at: Date;
  /** What its target is sent. */
  readonly input: Readonly<Record<string, unknown>>;
}

/** The schedules that functions have made: they fire on a test's word, not by the clock. */
export class OneTimeSchedules {
  private readonly model: Model;
  private readonly scheduler: Scheduler;
  private readonly client: SchedulerClient;

  constructor(model: Model, scheduler: Scheduler, connection: SchedulerClientConfig) {
    this.model = model;
    this.scheduler = scheduler;
    this.client = new SchedulerClient(connection);
  }

  async list(): Promise<OneTimeSchedule[]> {
    const found: OneTimeSchedule[] = [];
    for (const GroupName of this.model.scheduleGroups) {
      const { Schedules = [] } = await this.client.send(new ListSchedulesCommand({ GroupName }));
      for (const { Name = '' } of Schedules) {
        found.push(shown(await this.client.send(new GetScheduleCommand({ GroupName, Name }))));
      }
    }
    return found;
  }

  /** Invokes the target under the schedule's role; the schedule is gone then, if it says so. */
  async fire(name: string): Promise<FunctionAnswer> {
    const [GroupName = ''] = this.model.scheduleGroups;
    const where = { GroupName, Name: name };
    const schedule = await this.client.send(new GetScheduleCommand(where));
    const { Target, Arn = '', ScheduleExpression = '', ActionAfterCompletion } = schedule;
    if (ActionAfterCompletion === 'DELETE') {
      await this.client.send(new DeleteScheduleCommand(where));
    }
    return await this.scheduler.fire(
      {
        ...{ name, arn: Arn, expression: ScheduleExpression, enabled: true },
        targetArn: Target?.Arn ?? '',
        roleArn: Target?.RoleArn ?? '',
        input: Target?.Input ?? '{}',
      },
      { scheduledTime: shown(schedule).at },
    );
  }

  destroy(): void {
    this.client.destroy();
  }
}

function shown(of: GetScheduleCommandOutput): OneTimeSchedule {
  const [, at] = /^at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)$/.exec(of.ScheduleExpression ?? '') ?? [];
  if (at === undefined || of.ScheduleExpressionTimezone !== 'UTC') {
    throw new Error(
      `${of.Name} fires at ${of.ScheduleExpression} ${of.ScheduleExpressionTimezone}: expected at(…) in UTC.`,
    );
  }
  const input = JSON.parse(of.Target?.Input ?? '{}') as Record<string, unknown>;
  return { name: of.Name ?? '', at: new Date(`${at}Z`), input };
}
