import { ECSClient, RunTaskCommand } from '@aws-sdk/client-ecs';
import { asHoldfastError } from '../../contract/errors.ts';
import type { StartTaskAnswer } from '../../contract/request.ts';
import { planTask } from './plan.ts';
import { runPlan } from './run.ts';
import { readSettings } from './settings.ts';

/** What we use of Lambda's context. */
export interface InvocationContext {
  /** The same in each of AWS's own retries of an asynchronous invocation. */
  readonly awsRequestId: string;
}

const ecs = new ECSClient({});

/** Starts a backup task: invoked by schedules, and by people with a `StartTaskEvent`. */
export async function handler(
  event: unknown,
  context: InvocationContext,
): Promise<StartTaskAnswer> {
  try {
    const fresh = { id: context.awsRequestId, now: new Date().toISOString() };
    const plan = planTask(event, readSettings(process.env), fresh);
    return await runPlan(plan, (input) => ecs.send(new RunTaskCommand(input)));
  } catch (error) {
    throw forLambda(error);
  }
}

/**
 * Lambda shows a caller the name and the message of what was thrown, and drops the rest: so the code
 * becomes the name, and the hint joins the message. It is thrown, never returned: an asynchronous
 * invocation that returns counts as a success, and AWS would not repeat it.
 */
export function forLambda(thrown: unknown): Error {
  const error = asHoldfastError(thrown);
  const shown = new Error(`${error.message} ${error.hint}`, { cause: error });
  shown.name = error.code;
  return shown;
}
