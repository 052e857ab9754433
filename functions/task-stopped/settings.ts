import {
  type EnvironmentSource,
  EnvironmentVariable,
  readVariable,
} from '../../contract/environment-variables.ts';
import { HoldfastError } from '../../contract/errors.ts';

/** What the stack tells the function. */
export interface TaskStoppedSettings {
  readonly environment: string;
  readonly topicArn: string;
  readonly startTaskArn: string;
  /** Name of the schedule group that retries go into. */
  readonly scheduleGroup: string;
  /** Role under which Scheduler invokes start-task. */
  readonly schedulerRoleArn: string;
  /** How often one backup is started again by itself, at most. */
  readonly maxRetries: number;
  /** Pause before the first of these; doubled for each further one. */
  readonly retryAfterMinutes: number;
}

/** @throws HoldfastError ENVIRONMENT_INVALID naming the variable that is missing or wrong. */
export function readSettings(from: EnvironmentSource): TaskStoppedSettings {
  return {
    environment: readVariable(from, EnvironmentVariable.Environment),
    topicArn: readVariable(from, EnvironmentVariable.TopicArn),
    startTaskArn: readVariable(from, EnvironmentVariable.StartTaskArn),
    scheduleGroup: readVariable(from, EnvironmentVariable.ScheduleGroup),
    schedulerRoleArn: readVariable(from, EnvironmentVariable.SchedulerRoleArn),
    maxRetries: readNumber(from, EnvironmentVariable.MaxRetries),
    retryAfterMinutes: readNumber(from, EnvironmentVariable.RetryAfterMinutes),
  };
}

function readNumber(from: EnvironmentSource, name: EnvironmentVariable): number {
  const text = readVariable(from, name);
  if (/^\d+$/.test(text)) return Number(text);
  throw new HoldfastError(
    'ENVIRONMENT_INVALID',
    `The environment variable ${name} is ${JSON.stringify(text)}, which is no whole number.`,
    { hint: 'Deploy the backup stack again: it sets it.' },
  );
}
