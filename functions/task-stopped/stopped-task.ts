import { z } from 'zod';
import { clusterOfFamily } from '../../contract/environment-names.ts';
import { HoldfastError } from '../../contract/errors.ts';
import { explainIssues } from '../../contract/explain-issues.ts';
import { parseLabel } from '../../contract/label.ts';
import type { TaskRequest } from '../../contract/request.ts';
import { requestIn } from '../../contract/task-overrides.ts';

/**
 * What we read of ECS's event; it has more, and AWS may add to it.
 *
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
 */
const TaskStateChange = z.object({
  'detail-type': z.literal('ECS Task State Change'),
  detail: z.object({
    taskArn: z.string(),
    taskDefinitionArn: z.string(),
    lastStatus: z.literal('STOPPED'),
    /** `family:<name>` of a task that no service started. */
    group: z.string(),
    startedBy: z.string().optional(),
    stopCode: z.string().optional(),
    stoppedReason: z.string().optional(),
    startedAt: z.iso.datetime({ offset: true }).optional(),
    stoppedAt: z.iso.datetime({ offset: true }).optional(),
    containers: z
      .array(z.object({ exitCode: z.int().optional(), reason: z.string().optional() }))
      .default([]),
    overrides: z
      .object({
        containerOverrides: z
          .array(
            z.object({
              environment: z
                .array(z.object({ name: z.string().optional(), value: z.string().optional() }))
                .optional(),
            }),
          )
          .optional(),
      })
      .optional(),
  }),
});

/** A backup's task that has stopped, as ECS tells of it. */
export interface StoppedTask {
  readonly taskArn: string;
  readonly taskDefinitionArn: string;
  readonly cluster: string;
  /** `undefined`: a task that was not started by start-task, and wrote nothing. */
  readonly label: string | undefined;
  /**
   * What was asked for; `undefined`: it cannot be read, or is not about this cluster, so it cannot be
   * asked for again.
   */
  readonly request: TaskRequest | undefined;
  readonly stopCode: string | undefined;
  /** ECS's words about the task and about its container. */
  readonly reasons: readonly string[];
  /** Absent when the container never started, or was lost. */
  readonly exitCode: number | undefined;
  /** Absent when the container never started. */
  readonly startedAt: Date | undefined;
  readonly stoppedAt: Date | undefined;
}

/** @throws HoldfastError REQUEST_INVALID when the event is not about the end of a backup's task. */
export function readStoppedTask(event: unknown, environment: string): StoppedTask {
  const parsed = TaskStateChange.safeParse(event);
  if (!parsed.success) throw notOurs(explainIssues(parsed.error));
  const { detail } = parsed.data;
  const cluster = clusterOfFamily(environment, detail.group.replace(/^family:/, ''));
  if (cluster === undefined) {
    throw notOurs(`the task's group is ${detail.group}, which is no backup of ${environment}`);
  }
  const [container] = detail.containers;
  const told = requestIn(detail.overrides);
  // Whoever may start tasks may write any request into one's overrides; the family has the cluster's role.
  const request = told?.cluster === cluster ? told : undefined;
  // start-task names the task's label twice: the overrides may be of a version that is not ours.
  const startedBy = detail.startedBy ?? '';
  const label = request?.label ?? (parseLabel(startedBy) === undefined ? undefined : startedBy);
  const reasons = [detail.stoppedReason, container?.reason].filter(
    (reason) => reason !== undefined && reason !== '',
  ) as string[];
  return {
    taskArn: detail.taskArn,
    taskDefinitionArn: detail.taskDefinitionArn,
    cluster,
    label,
    request,
    stopCode: detail.stopCode,
    reasons: [...new Set(reasons)],
    exitCode: container?.exitCode,
    startedAt: instant(detail.startedAt),
    stoppedAt: instant(detail.stoppedAt),
  };
}

function instant(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text);
}

function notOurs(found: string): HoldfastError {
  return new HoldfastError(
    'REQUEST_INVALID',
    `The event does not tell of a backup's task that stopped: ${found}.`,
    { hint: 'This function is for the rule of the backup stack: see which rule sent the event.' },
  );
}
