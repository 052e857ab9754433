import type { Construct } from 'constructs';
import { resourceName } from '../../contract/environment-names.ts';
import { alarmOnErrors } from './alarm-on-errors.ts';
import type { Notifications } from './notifications.ts';
import type { StartTaskFunction } from './start-task-function.ts';
import type { TaskStoppedFunction } from './task-stopped-function.ts';

export interface WatchedFunctions {
  readonly notifications: Notifications;
  readonly startTask: StartTaskFunction;
  readonly taskStopped: TaskStoppedFunction;
}

/** What tells people may fail itself. */
export function watchFunctions(
  scope: Construct,
  environment: string,
  { notifications: { topic }, startTask, taskStopped }: WatchedFunctions,
): void {
  alarmOnErrors(scope, 'StartTaskErrors', {
    alarmName: resourceName(environment, 'start-task-failed'),
    function: startTask.function,
    metricName: 'AsyncEventsDropped',
    topic,
    description:
      'A backup that was due was not started, though Lambda tried three times. The log of start-task names the cluster, the reason and what to do (docs/notifications.md).',
  });
  alarmOnErrors(scope, 'TaskStoppedErrors', {
    alarmName: resourceName(environment, 'task-stopped-failed'),
    function: taskStopped.function,
    metricName: 'Errors',
    topic,
    description:
      'A backup may have failed without a notification, or not be tried again. The log of task-stopped names it (docs/notifications.md).',
  });
}
