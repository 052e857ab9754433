import { existsSync, readFileSync } from 'node:fs';
import {
  CloudWatchLogsClient,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import type { KeyPair } from '../servers/key-pair.ts';
import type { Task } from './tasks.ts';

/** Of a task's output: more is in its file. */
const LAST_LINES = 100;

/** Puts the end of a task's output where its log driver puts all of it. */
export async function putLog(
  task: Task,
  credentials: KeyPair,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const { log, name } = task.definition.container;
  const endpoint = environment.AWS_ENDPOINT_URL;
  if (log === undefined || endpoint === undefined || !existsSync(task.logFile)) return;
  const lines = readFileSync(task.logFile, 'utf8').trim().split('\n').slice(-LAST_LINES);
  const client = new CloudWatchLogsClient({
    endpoint,
    region: environment.AWS_REGION ?? '',
    credentials,
  });
  const stream = {
    logGroupName: log.group,
    logStreamName: `${log.streamPrefix}/${name}/${task.arn.split('/').at(-1)}`,
  };
  const timestamp = Date.now();
  // CloudWatch refuses an event without a message.
  const logEvents = lines.filter((line) => line !== '').map((message) => ({ message, timestamp }));
  try {
    await client.send(new CreateLogStreamCommand(stream));
    if (logEvents.length > 0) await client.send(new PutLogEventsCommand({ ...stream, logEvents }));
  } finally {
    client.destroy();
  }
}
