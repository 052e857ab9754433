import type { TaskDefinition } from '@aws-sdk/client-ecs';
import { ExitCode } from '../../contract/exit-codes.ts';
import { type LastWords, lastWordsIn } from '../../contract/last-words.ts';
import { taskLogOf } from '../../contract/task-log.ts';
import type { StoppedTask } from './stopped-task.ts';

/** The outward calls. */
export interface LogCalls {
  taskDefinition(arn: string): Promise<TaskDefinition | undefined>;
  /** The end of a log stream, oldest line first. */
  lastLines(group: string, stream: string): Promise<readonly string[]>;
}

/** What the runner said last, or why nobody knows. */
export interface Heard {
  readonly words?: LastWords;
  readonly notHeard?: string;
}

/**
 * Looks into the log of a task that failed for what the runner said last. Its exit status alone stands
 * for several codes. What cannot be read is told, and never keeps the rest from being told.
 */
export async function readLastWords(task: StoppedTask, calls: LogCalls): Promise<Heard> {
  const { exitCode, taskArn, taskDefinitionArn } = task;
  if (exitCode === undefined || exitCode === ExitCode.Ok) return {};
  try {
    const definition = await calls.taskDefinition(taskDefinitionArn);
    const log = taskLogOf(definition, taskArn);
    if (log === undefined) return { notHeard: `${taskDefinitionArn} names no log group` };
    const words = lastWordsIn(await calls.lastLines(log.group, log.stream));
    return words === undefined ? {} : { words };
  } catch (error) {
    return { notHeard: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}
