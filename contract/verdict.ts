import { ERROR_CODES, type ErrorCode } from './error-codes.ts';
import { ExitCode } from './exit-codes.ts';
import type { LastWords } from './last-words.ts';
import { STOP_CAUSES, type StopCause } from './stop-causes.ts';

/** How a task ended, by ECS's word. */
export interface TaskEnd {
  readonly stopCode?: string | undefined;
  /** ECS's words about the task and about its container. */
  readonly reasons: readonly string[];
  /** Absent when the container never started, or was lost. */
  readonly exitCode?: number | undefined;
}

/** What became of a backup, and why. */
export type Verdict =
  | { readonly succeeded: true }
  | {
      readonly succeeded: false;
      readonly cause: StopCause;
      /** The runner's codes that end with the task's exit status; only the one that it said, where that is known. */
      readonly codes: readonly string[];
      /** Whether the same backup may succeed when it is started again, with nothing changed. */
      readonly retryable: boolean;
    };

/** Exit status of a process that a SIGKILL ended: 128 and the signal's number. */
const KILLED = 137;

/** What ECS says of a failure to start that stays until somebody does something. */
const STAYS =
  /not found|does not exist|no such|manifest unknown|AccessDenied|not authorized|access denied|ResourceNotFound|InvalidParameter/i;

/** Judges a stopped task by all that ECS tells of it, and by what the runner said last. Pure. */
export function judge(task: TaskEnd, words?: LastWords): Verdict {
  // Whatever stopped it then: the runner ends so only after its manifest was written.
  if (task.exitCode === ExitCode.Ok) return { succeeded: true };
  const cause = causeOf(task);
  const { retryable } = STOP_CAUSES[cause];
  if (cause === 'RUNNER_FAILED' && words !== undefined) {
    return { succeeded: false, cause, codes: [words.code], retryable: words.retryable };
  }
  if (cause === 'RUNNER_FAILED') {
    const codes = codesOf(task.exitCode);
    return { succeeded: false, cause, codes, retryable: codes.some(passes) };
  }
  const stays = task.exitCode === undefined && task.reasons.some((reason) => STAYS.test(reason));
  return { succeeded: false, cause, codes: [], retryable: retryable && !stays };
}

function causeOf({ stopCode, reasons, exitCode }: TaskEnd): StopCause {
  const told = (pattern: RegExp): boolean => reasons.some((reason) => pattern.test(reason));
  if (stopCode === 'SpotInterruption') return 'SPOT_INTERRUPTED';
  if (stopCode === 'UserInitiated') return 'STOPPED_BY_USER';
  if (told(/OutOfMemory/i)) return 'OUT_OF_MEMORY';
  if (told(/CannotPull/i)) return 'IMAGE_UNAVAILABLE';
  if (told(/ResourceInitialization/i)) return 'RESOURCES_UNAVAILABLE';
  if (stopCode === 'TerminationNotice' || stopCode === 'ServiceSchedulerInitiated') {
    return 'STOPPED_BY_PLATFORM';
  }
  if (stopCode === 'TaskFailedToStart') return 'NOT_STARTED';
  if (exitCode === undefined) return 'NO_EXIT_STATUS';
  return exitCode === KILLED ? 'KILLED' : 'RUNNER_FAILED';
}

function codesOf(exitCode: number | undefined): ErrorCode[] {
  return (Object.keys(ERROR_CODES) as ErrorCode[]).filter(
    (code) => ERROR_CODES[code].exit === exitCode && !NEVER_A_BACKUPS.has(code),
  );
}

/** Codes of the functions, of the command and of the streamer alone, which share exit statuses with a backup's. */
const NEVER_A_BACKUPS: ReadonlySet<ErrorCode> = new Set([
  'BACKUP_FAILED',
  'BACKUP_UNKNOWN',
  'CLUSTER_RETIRED',
  'CLUSTER_UNKNOWN',
  'DATABASE_UNKNOWN',
  'LEASE_LOST',
  'TABLE_UNKNOWN',
  'TASK_NOT_STARTED',
  'TASK_REFUSED',
  'WAL_CONFLICT',
]);

/**
 * Some exit statuses stand for several codes, of which only some pass. Then another attempt is made:
 * what stays ends it again within seconds, and attempts are counted.
 */
function passes(code: ErrorCode): boolean {
  return ERROR_CODES[code].retryable;
}
