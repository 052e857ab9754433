import type { Failure, RunTaskCommandInput, RunTaskCommandOutput } from '@aws-sdk/client-ecs';
import { HoldfastError } from '../../contract/errors.ts';
import type { StartTaskAnswer, TaskRequest } from '../../contract/request.ts';
import type { LivingBackup } from './living-backups.ts';
import type { StartPlan } from './plan.ts';
import { errorPasses, failuresPass } from './what-passes.ts';

/** The outward calls. */
export interface EcsCalls {
  /** Backups of the plan's cluster that ECS knows to run. */
  livingBackups(plan: StartPlan): Promise<readonly LivingBackup[]>;
  runTask(input: RunTaskCommandInput): Promise<Pick<RunTaskCommandOutput, 'tasks' | 'failures'>>;
}

/** How long ECS is asked again. */
export interface Patience {
  /** Until Lambda ends the function. Milliseconds. */
  remainingMs(): number;
  /** Waits so long at most. Milliseconds. */
  pause(ms: number): Promise<void>;
}

/** Pause before ECS is asked for the second time; doubled for each further one. Milliseconds. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;

/** What one more try may take of the function's time: three calls that nobody answers. Milliseconds. */
const RESERVE_MS = 15_000;

/**
 * Carries out a plan: starts its task, unless that one or another backup of the cluster runs. What
 * passes by itself is tried again, with the same client token, for as long as the function has time.
 *
 * @throws HoldfastError BACKUP_RUNNING; TASK_NOT_STARTED when ECS kept failing; TASK_REFUSED
 */
export async function runPlan(
  plan: StartPlan,
  ecs: EcsCalls,
  patience: Patience,
): Promise<StartTaskAnswer> {
  for (let asked = 1; ; asked += 1) {
    const tried = await tryOnce(plan, ecs);
    if ('taskArn' in tried) return answer(plan.request, tried.taskArn);
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (asked - 1), LONGEST_PAUSE_MS);
    if (!tried.passes) throw refused(plan, tried);
    if (pauseMs + RESERVE_MS > patience.remainingMs()) throw notStarted(plan, tried, asked);
    await patience.pause(pauseMs);
  }
}

interface Failed {
  readonly found: string;
  readonly passes: boolean;
  readonly cause?: unknown;
}

/** @throws HoldfastError BACKUP_RUNNING */
async function tryOnce(
  plan: StartPlan,
  ecs: EcsCalls,
): Promise<{ readonly taskArn: string } | Failed> {
  try {
    const living = await ecs.livingBackups(plan);
    const same = living.find(({ label }) => label === plan.request.label);
    // A repeated invocation, or an answer that got lost: ECS forgets client tokens sooner than tasks.
    if (same !== undefined) return { taskArn: same.taskArn };
    const { kind } = plan.request;
    const other = living.find((each) => each.kind === undefined || each.kind === kind);
    if (other !== undefined) throw running(plan, other);
    const { tasks = [], failures = [] } = await ecs.runTask(plan.input);
    // What has no capacity is no error to RunTask: it answers 200 and says so in here.
    if (failures.length > 0) {
      return { found: failures.map(describeFailure).join('; '), passes: failuresPass(failures) };
    }
    const taskArn = tasks[0]?.taskArn;
    if (taskArn !== undefined) return { taskArn };
    return { found: 'it answered with neither a task nor a failure', passes: true };
  } catch (thrown) {
    if (thrown instanceof HoldfastError) throw thrown;
    const taskArn = taskOfConflict(thrown);
    if (taskArn !== undefined) return { taskArn };
    return { found: describe(thrown), passes: errorPasses(thrown), cause: thrown };
  }
}

/**
 * The task that the client token belongs to already. The token is made from what asked, so that task
 * is the one that was asked for, though it was started with other parameters: a deployment in
 * between, or another invocation at the same moment.
 */
function taskOfConflict(thrown: unknown): string | undefined {
  const { name, resourceIds } = thrown as { name?: string; resourceIds?: readonly string[] };
  return name === 'ConflictException' ? resourceIds?.[0] : undefined;
}

function answer(request: TaskRequest, taskArn: string): StartTaskAnswer {
  const { cluster, label } = request;
  return { cluster, label, taskArn, ...repeatable(request) };
}

/** What a person has to send to ask for the very same backup again. */
function repeatable({ askedBy }: TaskRequest): Pick<StartTaskAnswer, 'requestId' | 'requestedAt'> {
  if (askedBy.by === 'schedule') return {};
  return { requestId: askedBy.requestId, requestedAt: askedBy.requestedAt };
}

function running({ request }: StartPlan, other: LivingBackup): HoldfastError {
  const { cluster, kind, label } = request;
  const since = other.startedAt === undefined ? '' : ` since ${other.startedAt.toISOString()}`;
  return new HoldfastError(
    'BACKUP_RUNNING',
    `A ${kind} backup of ${cluster} runs already${since}: ${other.label ?? 'of an unknown label'}, task ${other.taskArn}. So ${label} was not started.`,
    {
      hint: 'Wait for it to end, and invoke again with the same request. If it should not run, stop it with `aws ecs stop-task`.',
    },
  );
}

function notStarted(
  { request: { cluster, label } }: StartPlan,
  { found, cause }: Failed,
  asked: number,
): HoldfastError {
  return new HoldfastError(
    'TASK_NOT_STARTED',
    `ECS did not start the backup ${label} of ${cluster}, asked ${asked} times: ${found}.`,
    {
      hint: 'Such things pass: invoke again with the same request. If it stays like this, look at the quotas of Fargate in this account and Region.',
      cause,
    },
  );
}

function refused(
  { request: { cluster, label } }: StartPlan,
  { found, cause }: Failed,
): HoldfastError {
  return new HoldfastError(
    'TASK_REFUSED',
    `ECS refused to start the backup ${label} of ${cluster}: ${found}.`,
    {
      hint: 'This does not pass by itself: deploy the backup stack again, and look at what has been changed outside of it.',
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
