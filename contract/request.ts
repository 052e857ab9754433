import { z } from 'zod';
import { HoldfastError } from './errors.ts';
import { explainIssues } from './explain-issues.ts';
import { Label, labelFor } from './label.ts';
import { BackupKind, BackupType, ClusterName, Instant, ScheduleName } from './names.ts';

/**
 * What `start-task` is invoked with: by a schedule (`schedule` and `scheduledTime`), or by a person
 * (optionally `requestId` and `requestedAt`, which make the call repeatable).
 */
export const StartTaskEvent = z.strictObject({
  action: z.literal('backup'),
  cluster: ClusterName,
  kind: BackupKind,
  /** Of physical backups; a logical one is always full. */
  type: BackupType.default('full'),
  schedule: ScheduleName.optional(),
  scheduledTime: Instant.optional(),
  requestId: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .optional(),
  requestedAt: Instant.optional(),
  /** Raised by `task-stopped` alone. */
  attempt: z.int().min(0).max(100).default(0),
});
export type StartTaskEvent = z.input<typeof StartTaskEvent>;

/** What `start-task` answers. */
export const StartTaskAnswer = z.strictObject({
  cluster: ClusterName,
  label: Label,
  taskArn: z.string(),
  /** A person's own, or the fresh one that was made for them: send it again to ask for the same backup. */
  requestId: z.string().optional(),
  /** With `requestId`; both are needed to ask for the same backup. */
  requestedAt: Instant.optional(),
});
export type StartTaskAnswer = z.infer<typeof StartTaskAnswer>;

/** What a task is told to do: travels as JSON in one environment variable. */
export const TaskRequest = z.strictObject({
  action: z.literal('backup'),
  cluster: ClusterName,
  kind: BackupKind,
  type: BackupType.default('full'),
  label: Label,
  attempt: z.int().min(0),
  askedBy: z.discriminatedUnion('by', [
    z.strictObject({ by: z.literal('schedule'), schedule: ScheduleName, scheduledTime: Instant }),
    z.strictObject({ by: z.literal('person'), requestId: z.string(), requestedAt: Instant }),
  ]),
});
export type TaskRequest = z.infer<typeof TaskRequest>;

/** How far a caller's clock may be ahead of ours. */
const MAX_CLOCK_SKEW_MS = 5 * 60 * 1000;

/** What a caller that names no id or time is given. */
export interface FreshRequest {
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly now: string;
}

/**
 * Turns an event into the task's request, label included. Pure: the same event gives the same label,
 * unless it names neither a schedule nor a request id; then `fresh` stands in.
 *
 * @throws HoldfastError REQUEST_INVALID
 */
export function taskRequestFor(event: unknown, fresh: FreshRequest): TaskRequest {
  const parsed = StartTaskEvent.safeParse(event);
  if (!parsed.success) throw invalidRequest(explainIssues(parsed.error));
  const { action, cluster, kind, type, attempt } = parsed.data;
  const { schedule, scheduledTime, requestId, requestedAt } = parsed.data;
  if (kind === 'logical' && type !== 'full') {
    throw invalidRequest(`type is ${type}; a logical backup is always full`);
  }
  if ((schedule === undefined) !== (scheduledTime === undefined)) {
    throw invalidRequest('schedule and scheduledTime go together; only one of them was given');
  }
  if (schedule !== undefined && (requestId !== undefined || requestedAt !== undefined)) {
    throw invalidRequest('schedule and requestId exclude each other; both were given');
  }
  const time = scheduledTime ?? requestedAt ?? fresh.now;
  if (Date.parse(time) > Date.parse(fresh.now) + MAX_CLOCK_SKEW_MS) {
    // Labels sort by time: one from the future would be the latest backup for ever.
    throw invalidRequest(`its time, ${time}, lies in the future`);
  }
  const askedBy: TaskRequest['askedBy'] =
    schedule !== undefined && scheduledTime !== undefined
      ? { by: 'schedule', schedule, scheduledTime }
      : { by: 'person', requestId: requestId ?? fresh.id, requestedAt: requestedAt ?? fresh.now };
  const label = labelFor({
    cluster,
    kind,
    type,
    askedBy: askedBy.by === 'schedule' ? askedBy.schedule : askedBy.requestId,
    time: askedBy.by === 'schedule' ? askedBy.scheduledTime : askedBy.requestedAt,
    attempt,
  });
  return { action, cluster, kind, type, label, attempt, askedBy };
}

/** What asks for the same backup once more, under another label. */
export function nextAttempt({ askedBy, attempt, ...request }: TaskRequest): StartTaskEvent {
  const { action, cluster, kind, type } = request;
  const asked =
    askedBy.by === 'schedule'
      ? { schedule: askedBy.schedule, scheduledTime: askedBy.scheduledTime }
      : { requestId: askedBy.requestId, requestedAt: askedBy.requestedAt };
  return { action, cluster, kind, type, ...asked, attempt: attempt + 1 };
}

export function buildTaskRequest(request: TaskRequest): string {
  return JSON.stringify(TaskRequest.parse(request));
}

/** @throws HoldfastError REQUEST_INVALID */
export function parseTaskRequest(text: string): TaskRequest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalidRequest('it is not JSON', cause);
  }
  const parsed = TaskRequest.safeParse(value);
  if (!parsed.success) throw invalidRequest(explainIssues(parsed.error));
  return parsed.data;
}

function invalidRequest(found: string, cause?: unknown): HoldfastError {
  return new HoldfastError('REQUEST_INVALID', `The request is invalid: ${found}.`, {
    hint: 'Send {"action":"backup","cluster":"<name>","kind":"logical"}, optionally with requestId and requestedAt.',
    cause,
  });
}
