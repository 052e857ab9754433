import type { CreateScheduleCommandInput } from '@aws-sdk/client-scheduler';
import type { PublishCommandInput } from '@aws-sdk/client-sns';
import { HoldfastError } from '../../contract/errors.ts';
import { judge, type Verdict } from '../../contract/verdict.ts';
import { type Message, messageFor, type RetryOutcome } from './message.ts';
import { metricsLine } from './metrics.ts';
import type { Heard } from './read-last-words.ts';
import { planRetry, type Retry } from './retry.ts';
import type { TaskStoppedSettings } from './settings.ts';
import type { StoppedTask } from './stopped-task.ts';

/** The outward calls. */
export interface TaskStoppedCalls {
  createSchedule(input: CreateScheduleCommandInput): Promise<unknown>;
  publish(input: PublishCommandInput): Promise<unknown>;
  /** Writes a line to the function's log, as it is. */
  writeLine(line: string): void;
}

/** What the function answers: for whoever invokes it by hand. */
export interface TaskStoppedAnswer {
  readonly cluster: string;
  readonly label: string | undefined;
  readonly verdict: Verdict;
  /** When the next attempt starts. */
  readonly retryAt: string | undefined;
  readonly told: boolean;
}

/** Older than that, the next run of the schedule is the better attempt. Seconds. */
const MAXIMUM_RETRY_AGE_SECONDS = 3600;

/**
 * Says what became of a task: as metrics, as a schedule for the next attempt, as a notification. Each
 * is tried whatever became of the others; then what failed is thrown, so that Lambda calls again. A
 * schedule that is there already is left as it is.
 *
 * @throws HoldfastError NOT_TOLD with what SNS or Scheduler answered
 */
export async function runVerdict(
  task: StoppedTask,
  heard: Heard,
  settings: TaskStoppedSettings,
  calls: TaskStoppedCalls,
  now: Date,
): Promise<TaskStoppedAnswer> {
  const verdict = judge(task, heard.words);
  const retry =
    !verdict.succeeded && verdict.retryable ? planRetry(task, settings, now) : undefined;
  calls.writeLine(metricsLine(task, verdict, retry !== undefined, settings.environment, now));
  const failures: string[] = [];
  const outcome = await scheduleRetry(retry, settings, calls);
  if (outcome.kind === 'failed')
    failures.push(`its next attempt was not scheduled: ${outcome.found}`);
  const message = messageFor({ task, verdict, heard, retry: outcome }, settings);
  if (message !== undefined) {
    await calls.publish(publication(message, settings)).catch((error: unknown) => {
      failures.push(`SNS did not take "${message.subject}": ${describe(error)}`);
    });
  }
  if (failures.length > 0) throw notTold(task, failures);
  const { cluster, label } = task;
  const retryAt = outcome.kind === 'scheduled' ? outcome.retry.at.toISOString() : undefined;
  return { cluster, label, verdict, retryAt, told: message !== undefined };
}

async function scheduleRetry(
  retry: Retry | undefined,
  settings: TaskStoppedSettings,
  calls: TaskStoppedCalls,
): Promise<RetryOutcome> {
  if (retry === undefined) return { kind: 'none' };
  try {
    await calls.createSchedule(scheduleFor(retry, settings));
  } catch (error) {
    // The same stop was told before.
    const exists = error instanceof Error && error.name === 'ConflictException';
    if (!exists) return { kind: 'failed', retry, found: describe(error) };
  }
  return { kind: 'scheduled', retry };
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function notTold({ cluster, label, taskArn }: StoppedTask, failures: string[]): HoldfastError {
  return new HoldfastError(
    'NOT_TOLD',
    `Of the backup ${label ?? taskArn} of ${cluster} not all was told: ${failures.join('; ')}.`,
    {
      hint: 'Lambda calls again twice, within three minutes. After that look at the topic, its key and the schedule group, and deploy the backup stack again.',
    },
  );
}

function scheduleFor(
  { name, at, event }: Retry,
  settings: TaskStoppedSettings,
): CreateScheduleCommandInput {
  return {
    Name: name,
    GroupName: settings.scheduleGroup,
    Description: `Holdfast: attempt ${(event.attempt ?? 0) + 1} at a backup of ${event.cluster}`,
    ScheduleExpression: `at(${at.toISOString().slice(0, 19)})`,
    ScheduleExpressionTimezone: 'UTC',
    FlexibleTimeWindow: { Mode: 'OFF' },
    // It is gone once it has fired.
    ActionAfterCompletion: 'DELETE',
    Target: {
      Arn: settings.startTaskArn,
      RoleArn: settings.schedulerRoleArn,
      Input: JSON.stringify(event),
      RetryPolicy: {
        MaximumEventAgeInSeconds: MAXIMUM_RETRY_AGE_SECONDS,
        MaximumRetryAttempts: 10,
      },
    },
  };
}

function publication(
  { subject, body }: Message,
  { topicArn }: TaskStoppedSettings,
): PublishCommandInput {
  return { TopicArn: topicArn, Subject: subject, Message: body };
}
