import { DescribeTasksCommand, ECSClient } from '@aws-sdk/client-ecs';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { startTaskFunctionName } from '../contract/environment-names.ts';
import { RUNNER_CONTAINER } from '../contract/environment-variables.ts';
import { HoldfastError } from '../contract/errors.ts';
import type { StartTaskEvent } from '../contract/request.ts';
import { isDenied } from '../vault/aws-errors.ts';
import { assertRegion } from './assert-region.ts';
import type { FunctionAnswer, TaskState } from './io.ts';

/**
 * Invokes an environment's start-task, once: a repeated call without a request id would be another
 * request.
 *
 * @throws HoldfastError ENVIRONMENT_INVALID when there is no such function or no Region, TASK_REFUSED when it may
 * not be invoked, TASK_NOT_STARTED
 */
export async function invokeStartTask(
  environment: string,
  event: StartTaskEvent,
): Promise<FunctionAnswer> {
  const lambda = new LambdaClient({ maxAttempts: 1 });
  await assertRegion(lambda);
  const FunctionName = startTaskFunctionName(environment);
  const Payload = Buffer.from(JSON.stringify(event));
  const answer = await lambda
    .send(new InvokeCommand({ FunctionName, Payload }))
    .catch((cause: unknown) => {
      throw notInvoked(FunctionName, cause as Error);
    });
  const text = Buffer.from(answer.Payload ?? []).toString('utf8');
  return {
    payload: text === '' ? undefined : (JSON.parse(text) as unknown),
    failed: answer.FunctionError !== undefined,
  };
}

function notInvoked(name: string, cause: Error): HoldfastError {
  if (cause.name === 'ResourceNotFoundException') {
    return new HoldfastError('ENVIRONMENT_INVALID', `There is no function ${name} here.`, {
      hint: "Look at the environment's name, the AWS account (AWS_PROFILE) and the Region (AWS_REGION).",
      cause,
    });
  }
  if (isDenied(cause)) {
    return new HoldfastError('TASK_REFUSED', `${name} may not be invoked: ${cause.message}`, {
      hint: "It takes lambda:InvokeFunction on it, which the restore role does not have: use another role. If a role should have it, look at the environment's name, too.",
      cause,
    });
  }
  return new HoldfastError('TASK_NOT_STARTED', `${name} cannot be invoked: ${cause.message}`, {
    hint: 'See with holdfast list whether it was started nevertheless.',
    cause,
  });
}

/** Asks ECS for a task, whose cluster its ARN names. */
export async function describeEcsTask(arn: string): Promise<TaskState | undefined> {
  const ecs = new ECSClient({ maxAttempts: 5 });
  const cluster = arn.split('/')[1];
  const { tasks = [] } = await ecs
    .send(new DescribeTasksCommand({ cluster, tasks: [arn] }))
    .catch((cause: unknown) => {
      throw new HoldfastError(
        isDenied(cause) ? 'TASK_REFUSED' : 'TASK_NOT_STARTED',
        `The task ${arn} was started, but ECS does not tell of it: ${(cause as Error).message}`,
        { hint: 'It takes ecs:DescribeTasks. Without it: holdfast backup --no-wait', cause },
      );
    });
  const [task] = tasks;
  if (task === undefined) return undefined;
  const runner = task.containers?.find(({ name }) => name === RUNNER_CONTAINER);
  const reasons = [task.stoppedReason, runner?.reason];
  return {
    status: task.lastStatus ?? 'UNKNOWN',
    exitCode: runner?.exitCode,
    stopCode: task.stopCode,
    reasons: reasons.flatMap((one) => one || []),
    taskDefinitionArn: task.taskDefinitionArn,
  };
}
