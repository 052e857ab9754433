import { Annotations, Stack } from 'aws-cdk-lib';
import { type IRole, PolicyDocument, PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { CfnSchedule, CfnScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import { resourceName } from '../../contract/environment-names.ts';
import type { StartTaskEvent } from '../../contract/request.ts';
import type { ResolvedSchedule } from '../resolved-environment.ts';
import { firstSkippedTime } from '../skipped-times.ts';
import { schedulerPrincipal } from './service-principals.ts';

/** Filled in by EventBridge Scheduler: the same in every attempt, so a repeated one changes nothing. */
const SCHEDULED_TIME = '<aws.scheduler.scheduled-time>';

/** Older than that, a backup that did not start is late, and somebody should hear of it. Seconds. */
const MAXIMUM_EVENT_AGE_SECONDS = 3600;
const RETRY_ATTEMPTS = 10;

export interface ScheduleGroupProps {
  readonly environment: string;
  /** What the schedules invoke. */
  readonly startTask: IFunction;
}

/** An environment's schedules together, and the role they invoke the function with. */
export class ScheduleGroup extends Construct {
  /** Stands for the group in a template, which is there once this is resolved. */
  readonly name: string;
  /** The same as text. */
  readonly groupName: string;
  readonly role: IRole;
  readonly startTask: IFunction;

  constructor(scope: Construct, id: string, props: ScheduleGroupProps) {
    super(scope, id);
    this.groupName = resourceName(props.environment);
    const group = new CfnScheduleGroup(this, 'Group', { name: this.groupName });
    this.name = group.ref;
    this.startTask = props.startTask;
    const groupArn = Stack.of(this).formatArn({
      service: 'scheduler',
      resource: 'schedule-group',
      resourceName: this.groupName,
    });
    this.role = new Role(this, 'Role', {
      description: `Holdfast ${props.environment}: lets schedules start tasks`,
      assumedBy: schedulerPrincipal(this, groupArn),
      inlinePolicies: {
        invoke: new PolicyDocument({
          statements: [
            new PolicyStatement({
              sid: 'InvokeStartTask',
              actions: ['lambda:InvokeFunction'],
              resources: [props.startTask.functionArn],
            }),
          ],
        }),
      },
    });
  }
}

export interface BackupScheduleProps {
  readonly cluster: string;
  readonly schedule: ResolvedSchedule;
  readonly group: ScheduleGroup;
}

/** When one cluster is backed up. */
export class BackupSchedule extends Construct {
  constructor(scope: Construct, id: string, props: BackupScheduleProps) {
    super(scope, id);
    const { cluster, schedule, group } = props;
    warnAboutSkippedTimes(this, cluster, schedule, new Date());
    const event: StartTaskEvent = {
      action: 'backup',
      cluster,
      kind: schedule.kind,
      type: schedule.type,
      schedule: schedule.name,
      scheduledTime: SCHEDULED_TIME,
    };
    new CfnSchedule(this, 'Schedule', {
      name: `${cluster}_${schedule.name}`,
      groupName: group.name,
      description: `Holdfast: ${schedule.kind} backup of ${cluster}`,
      scheduleExpression: `cron(${schedule.cron})`,
      scheduleExpressionTimezone: schedule.timeZone,
      flexibleTimeWindow:
        schedule.flexibleWindowMinutes === 0
          ? { mode: 'OFF' }
          : { mode: 'FLEXIBLE', maximumWindowInMinutes: schedule.flexibleWindowMinutes },
      target: {
        arn: group.startTask.functionArn,
        roleArn: group.role.roleArn,
        input: JSON.stringify(event),
        retryPolicy: {
          maximumEventAgeInSeconds: MAXIMUM_EVENT_AGE_SECONDS,
          maximumRetryAttempts: RETRY_ATTEMPTS,
        },
      },
    });
  }
}

/** A warning at synth, not an error: some hundred backups a year do start. */
export function warnAboutSkippedTimes(
  scope: Construct,
  cluster: string,
  { name, cron, timeZone }: ResolvedSchedule,
  now: Date,
): void {
  const skipped = firstSkippedTime(cron, timeZone, now);
  if (skipped === undefined) return;
  Annotations.of(scope).addWarningV2(
    'holdfast:skipped-time',
    `The schedule ${name} of ${cluster} does not fire at ${skipped}: clocks in ${timeZone} go forward over that time. Give a time that they do not skip, or timeZone: 'UTC'.`,
  );
}
