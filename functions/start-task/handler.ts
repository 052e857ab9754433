import { setTimeout as sleep } from 'node:timers/promises';
import { ECSClient, RunTaskCommand } from '@aws-sdk/client-ecs';
import type { StartTaskAnswer } from '../../contract/request.ts';
import { forLambda } from '../for-lambda.ts';
import { findLivingBackups } from './living-backups.ts';
import { planTask } from './plan.ts';
import { runPlan } from './run.ts';
import { readSettings } from './settings.ts';

/** What we use of Lambda's context. */
export interface InvocationContext {
  /** The same in each of AWS's own retries of an asynchronous invocation. */
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
}

const ecs = new ECSClient({
  // What passes is tried again in one place, `runPlan`.
  maxAttempts: 1,
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
});

/** Starts a backup task: invoked by schedules, and by people with a `StartTaskEvent`. */
export async function handler(
  event: unknown,
  context: InvocationContext,
): Promise<StartTaskAnswer> {
  try {
    const fresh = { id: context.awsRequestId, now: new Date().toISOString() };
    const plan = planTask(event, readSettings(process.env), fresh);
    return await runPlan(
      plan,
      {
        livingBackups: (of) => findLivingBackups(ecs, of),
        runTask: (input) => ecs.send(new RunTaskCommand(input)),
      },
      {
        remainingMs: () => context.getRemainingTimeInMillis(),
        // Between half of it and all: clusters that are due at one time do not come back at one time.
        pause: (ms) => sleep(ms * (0.5 + Math.random() / 2)),
      },
    );
  } catch (error) {
    throw forLambda(error);
  }
}
