import { HoldfastError } from '../contract/errors.ts';
import { ExitCode } from '../contract/exit-codes.ts';
import type { StartTaskAnswer } from '../contract/request.ts';
import type { TaskState } from './io.ts';

/** A backup's task that failed. Its exit status is the task's own, where that is one of ours. */
export class BackupFailed extends HoldfastError {
  readonly #exitCode: ExitCode | undefined;

  constructor({ cluster, label, taskArn }: StartTaskAnswer, end: TaskState) {
    super('BACKUP_FAILED', `The backup ${label} of ${cluster} failed: ${explainEnd(end)}.`, {
      hint: `Nothing of it is listed or restored. Why it failed is in the task's log: the last line of ${taskArn.split('/').at(-1)} with "task failed".`,
    });
    this.#exitCode = Object.values(ExitCode).find(
      (one) => one === end.exitCode && one !== ExitCode.Ok,
    );
  }

  override get exitCode(): ExitCode {
    return this.#exitCode ?? super.exitCode;
  }
}

/** How a task ended, in ECS's words. */
export function explainEnd({ status, exitCode, reasons = [] }: TaskState): string {
  if (status !== 'STOPPED') return `the task is ${status}`;
  const words = exitCode === undefined ? 'the task has no exit status' : `exit status ${exitCode}`;
  return [words, ...reasons].join('; ');
}
