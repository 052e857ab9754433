import { CloudWatchLogsClient, GetLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DescribeTaskDefinitionCommand, ECSClient } from '@aws-sdk/client-ecs';
import { CreateScheduleCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { LAST_LINES } from '../../contract/task-log.ts';
import { forLambda } from '../for-lambda.ts';
import { type LogCalls, readLastWords } from './read-last-words.ts';
import { runVerdict, type TaskStoppedAnswer, type TaskStoppedCalls } from './run.ts';
import { readSettings } from './settings.ts';
import { readStoppedTask } from './stopped-task.ts';

/** Lambda itself calls again after a minute and after two more. */
const client = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
};
const scheduler = new SchedulerClient(client);
const sns = new SNSClient(client);
const ecs = new ECSClient(client);
const logs = new CloudWatchLogsClient(client);

const logCalls: LogCalls = {
  taskDefinition: async (taskDefinition) =>
    (await ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition }))).taskDefinition,
  lastLines: async (logGroupName, logStreamName) => {
    const end = { logGroupName, logStreamName, startFromHead: false, limit: LAST_LINES };
    const { events = [] } = await logs.send(new GetLogEventsCommand(end));
    return events.map(({ message = '' }) => message);
  },
};

/**
 * Says what became of a backup's task: invoked by the rule on ECS's "Task State Change".
 *
 * @throws an error named REQUEST_INVALID, ENVIRONMENT_INVALID or NOT_TOLD, so that Lambda calls again
 */
export async function handler(event: unknown): Promise<TaskStoppedAnswer> {
  const calls: TaskStoppedCalls = {
    createSchedule: (input) => scheduler.send(new CreateScheduleCommand(input)),
    publish: (input) => sns.send(new PublishCommand(input)),
    // Not console.log: what Lambda puts before its lines is no part of the format.
    writeLine: (line) => process.stdout.write(`${line}\n`),
  };
  try {
    const settings = readSettings(process.env);
    const task = readStoppedTask(event, settings.environment);
    const heard = await readLastWords(task, logCalls);
    return await runVerdict(task, heard, settings, calls, new Date());
  } catch (error) {
    throw forLambda(error);
  }
}
