import { CloudWatchLogsClient, GetLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DescribeTaskDefinitionCommand, ECSClient } from '@aws-sdk/client-ecs';
import { lastWordsIn } from '../contract/last-words.ts';
import { LAST_LINES, type TaskLog, taskLogOf } from '../contract/task-log.ts';
import type { Heard, TaskState } from './io.ts';

/** Looks into a task's log for what the runner said last. Never throws: what cannot be read is told. */
export async function readTaskLog(
  taskArn: string,
  { taskDefinitionArn }: TaskState,
): Promise<Heard> {
  let log: TaskLog | undefined;
  try {
    const ecs = new ECSClient({ maxAttempts: 5 });
    const asked = new DescribeTaskDefinitionCommand({ taskDefinition: taskDefinitionArn });
    log = taskLogOf((await ecs.send(asked)).taskDefinition, taskArn);
    if (log === undefined) return { notHeard: `${taskDefinitionArn} names no log group` };
    const logs = new CloudWatchLogsClient({ maxAttempts: 5 });
    const { group: logGroupName, stream: logStreamName } = log;
    const end = { logGroupName, logStreamName, startFromHead: false, limit: LAST_LINES };
    const { events = [] } = await logs.send(new GetLogEventsCommand(end));
    return { log, words: lastWordsIn(events.map(({ message = '' }) => message)) };
  } catch (error) {
    const notHeard = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { log, notHeard };
  }
}
