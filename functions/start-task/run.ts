import type { Failure, RunTaskCommandInput, RunTaskCommandOutput } from '@aws-sdk/client-ecs';
import { HoldfastError } from '../../contract/errors.ts';
import type { StartTaskAnswer, TaskRequest } from '../../contract/request.ts';
import type { StartPlan } from './plan.ts';

/** The one outward call: ECS RunTask. */
export type RunTask = (
  input: RunTaskCommandInput,
) => Promise<Pick<RunTaskCommandOutput, 'tasks' | 'failures'>>;

/**
 * Carries out a plan.
 *
 * @throws HoldfastError TASK_NOT_STARTED when ECS refused, or answered without a task.
 */
export async function runPlan(plan: StartPlan, runTask: RunTask): Promise<StartTaskAnswer> {
  const { cluster, label } = plan.request;
  const { tasks = [], failures = [] } = await runTask(plan.input).catch((cause: unknown) => {
    throw notStarted(plan, describe(cause), cause);
  });
  // What has no capacity is no error to RunTask: it answers 200 and says so in here.
  if (failures.length > 0) throw notStarted(plan, failures.map(describeFailure).join('; '));
  const taskArn = tasks[0]?.taskArn;
  if (taskArn === undefined) {
    throw notStarted(plan, 'it answered with neither a task nor a failure');
  }
  return { cluster, label, taskArn, ...repeatable(plan.request) };
}

/** What a person has to send to ask for the very same backup again. */
function repeatable({ askedBy }: TaskRequest): Pick<StartTaskAnswer, 'requestId' | 'requestedAt'> {
  if (askedBy.by === 'schedule') return {};
  return { requestId: askedBy.requestId, requestedAt: askedBy.requestedAt };
}

function notStarted(plan: StartPlan, found: string, cause?: unknown): HoldfastError {
  const { cluster, label } = plan.request;
  return new HoldfastError(
    'TASK_NOT_STARTED',
    `ECS did not start the backup ${label} of ${cluster}: ${found}.`,
    {
      hint: 'Capacity and throttling pass: invoke again with the same request. For a refused permission deploy the backup stack again.',
      cause,
    },
  );
}

function describeFailure({ reason, arn, detail }: Failure): string {
  return [reason ?? 'no reason given', arn, detail].filter((part) => part !== undefined).join(', ');
}

function describe(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
}
