import { createHash } from 'node:crypto';
import { nextAttempt, type StartTaskEvent, taskRequestFor } from '../../contract/request.ts';
import type { TaskStoppedSettings } from './settings.ts';
import type { StoppedTask } from './stopped-task.ts';

/** Another attempt at a backup, to be started by a schedule that fires once. */
export interface Retry {
  /** The schedule's name. The same for each time that one stop is told. */
  readonly name: string;
  /** Whole seconds, UTC. */
  readonly at: Date;
  readonly event: StartTaskEvent;
  /** The label that the attempt will have. */
  readonly label: string;
}

const MINUTE_MS = 60_000;

/**
 * What starts the next attempt, or `undefined` when there is none: the limit is reached, or nobody
 * knows what was asked for. Pure.
 *
 * The pause is counted from the task's end, and doubled for each further attempt. It is longer than
 * Lambda takes for its own retries of this function (three minutes), so that these still find the
 * schedule, and do not make it again.
 */
export function planRetry(
  task: StoppedTask,
  settings: Pick<TaskStoppedSettings, 'maxRetries' | 'retryAfterMinutes'>,
  now: Date,
): Retry | undefined {
  const { request, cluster, stoppedAt = now } = task;
  if (request === undefined || request.attempt >= settings.maxRetries) return undefined;
  const event = nextAttempt(request);
  const { label } = taskRequestFor(event, { id: 'unused', now: now.toISOString() });
  const pauseMs = settings.retryAfterMinutes * MINUTE_MS * 2 ** request.attempt;
  // A time that has passed fires never: an event that comes late is given another minute or two.
  const at = Math.max(stoppedAt.getTime() + pauseMs, now.getTime() + 2 * MINUTE_MS);
  return {
    name: retryName(cluster, label),
    at: new Date(Math.ceil(at / 1000) * 1000),
    event,
    label,
  };
}

/** 64 characters, the most that Scheduler takes: the label itself would be too long beside the cluster. */
function retryName(cluster: string, label: string): string {
  const hash = createHash('sha256').update(label).digest('hex').slice(0, 16);
  return `retry_${cluster}_${hash}`;
}
