import { topicName } from '../contract/environment-names.ts';
import { HoldfastError } from '../contract/errors.ts';
import { ExitCode } from '../contract/exit-codes.ts';
import { TASK_FAILED } from '../contract/last-words.ts';
import type { BackupKind } from '../contract/names.ts';
import { nextAttempt, type StartTaskAnswer, taskRequestFor } from '../contract/request.ts';
import { STOP_CAUSES } from '../contract/stop-causes.ts';
import { judge, type Verdict } from '../contract/verdict.ts';
import type { Heard, TaskState } from './io.ts';

/** Why a backup's task failed: a code of the runner, or a cause out of docs/notifications.md. */
interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** Whether the same backup is started again by itself, where the environment allows it. */
  readonly retryable: boolean;
}

/** What was asked for. */
interface Asked {
  readonly environment: string;
  readonly cluster: string;
  readonly kind: BackupKind;
}

/** A backup's task that failed. Its exit status is the task's own, where that is one of ours. */
export class BackupFailed extends HoldfastError {
  /** `undefined`: neither ECS nor the log says. */
  readonly failure: Failure | undefined;
  /** Label of the next attempt, where there may be one. */
  readonly nextLabel: string | undefined;
  readonly #exitCode: ExitCode | undefined;

  constructor(asked: Asked, answer: StartTaskAnswer, end: TaskState, heard: Heard) {
    const verdict = verdictOn(end, heard);
    const failure = failureOf(verdict, heard);
    const again = verdict?.succeeded === false && verdict.retryable;
    const next = again ? labelOfNext(asked, answer) : undefined;
    const { cluster, label, taskArn } = answer;
    const ended = explainEnd(end);
    const why = failure === undefined ? '' : `. ${failure.code}: ${failure.message}`;
    super(
      'BACKUP_FAILED',
      `The backup ${label} of ${cluster} failed: ${withStop(`${ended}${why}`)}`,
      {
        hint: [
          failure?.hint ?? whereToLook(taskArn, end, heard),
          ...(end.exitCode === ExitCode.SourceDamaged
            ? []
            : ['Nothing of this attempt is listed or restored.']),
          ...(again ? [explainRetry(asked, next)] : []),
        ].join(' '),
      },
    );
    this.failure = failure;
    this.nextLabel = next;
    this.#exitCode = Object.values(ExitCode).find(
      (one) => one === end.exitCode && one !== ExitCode.Ok,
    );
  }

  override get exitCode(): ExitCode {
    return this.#exitCode ?? super.exitCode;
  }

  override toJSON() {
    return { ...super.toJSON(), failure: this.failure, nextLabel: this.nextLabel };
  }
}

/** How a task ended, in ECS's words. */
export function explainEnd({ status, exitCode, stopCode, reasons = [] }: TaskState): string {
  if (status !== 'STOPPED') return `the task is ${status}`;
  const words = exitCode === undefined ? 'the task has no exit status' : `exit status ${exitCode}`;
  return [words, stopCode, ...reasons].filter((one) => one !== undefined).join('; ');
}

function verdictOn(end: TaskState, { words }: Heard): Verdict | undefined {
  return end.status === 'STOPPED' ? judge({ reasons: [], ...end }, words) : undefined;
}

function failureOf(verdict: Verdict | undefined, { words }: Heard): Failure | undefined {
  if (verdict === undefined || verdict.succeeded) return undefined;
  const { cause, retryable } = verdict;
  if (cause !== 'RUNNER_FAILED') {
    const { found, next } = STOP_CAUSES[cause];
    return { code: cause, message: found, hint: next, retryable };
  }
  if (words === undefined) return undefined;
  return { code: words.code, message: words.message, hint: words.hint, retryable };
}

/** What is to be typed by whoever may read the log, or the task definition that names it. */
function whereToLook(taskArn: string, end: TaskState, { log, notHeard }: Heard): string {
  const found =
    notHeard === undefined
      ? 'The log does not say why (yet).'
      : `The log cannot be read here (${notHeard}).`;
  if (log !== undefined) {
    return `${found} Look into it: aws logs filter-log-events --log-group-name '${log.group}' --log-stream-names '${log.stream}' --filter-pattern '"${TASK_FAILED}"' --query 'events[].message' --output text`;
  }
  if (end.taskDefinitionArn === undefined) return `Look at the log of the task ${taskArn}.`;
  return `${found} Which one it is tells: aws ecs describe-task-definition --task-definition '${end.taskDefinitionArn}' --query 'taskDefinition.containerDefinitions[].logConfiguration.options'; look there for "${TASK_FAILED}" of ${taskArn.split('/').at(-1)}.`;
}

/** The next attempt is asked for with the same id, so its label is known. */
function labelOfNext(
  { cluster, kind }: Asked,
  { requestId, requestedAt }: StartTaskAnswer,
): string | undefined {
  if (requestId === undefined || requestedAt === undefined) return undefined;
  const fresh = { id: requestId, now: requestedAt };
  const first = taskRequestFor({ action: 'backup', cluster, kind, requestId, requestedAt }, fresh);
  return taskRequestFor(nextAttempt(first), fresh).label;
}

function explainRetry({ environment, cluster }: Asked, label: string | undefined): string {
  const look =
    label === undefined
      ? ''
      : `; see it with: holdfast show ${label} --environment ${environment} --cluster ${cluster}`;
  return `It is started again by itself, unless the environment's maxRetries is 0, after its retryAfterMinutes; ${topicName(environment)} tells when${look}`;
}

function withStop(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
