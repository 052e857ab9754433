/** What one cause of a task's end stands for. */
export interface StopCauseEntry {
  /** Whether the same backup may succeed when it is started again, with nothing changed. */
  readonly retryable: boolean;
  /** What was found: one sentence. */
  readonly found: string;
  /** What whoever is told has to do: imperative sentences. */
  readonly next: string;
}

/**
 * Why a task ended without a backup. The names are stable: notifications, logs and scripts carry them.
 * `docs/notifications.md` lists them, and a test compares the two.
 */
export const STOP_CAUSES = {
  RUNNER_FAILED: cause(
    false,
    'The runner ended with an error of its own.',
    'Look the exit status up in docs/errors.md, and the line "task failed" in the log of the task: it says what was found and what to do.',
  ),
  OUT_OF_MEMORY: cause(
    false,
    'The task was killed, because it used more memory than it has.',
    "Raise memoryMiB of the cluster in the environment's file and deploy, or lower its jobs.",
  ),
  KILLED: cause(
    true,
    'The task was killed (SIGKILL), and ECS does not say why: most often it had too little memory, or took too long to stop.',
    'If it happens again, raise memoryMiB of the cluster and deploy.',
  ),
  SPOT_INTERRUPTED: cause(
    true,
    'AWS took the Spot capacity back that the task ran on.',
    'Nothing is wrong. If it happens often, run the tasks on Fargate without Spot.',
  ),
  IMAGE_UNAVAILABLE: cause(
    true,
    'ECS could not pull the image of the task.',
    'See whether the subnets have a way out (NAT, a public address, or endpoints for ECR and S3) and whether the image is there; `cdk deploy` pushes it again.',
  ),
  RESOURCES_UNAVAILABLE: cause(
    true,
    'ECS could not prepare the task: its network, its log, or what it is given at the start.',
    'Read what ECS says. See whether the subnets have a way out, and whether the log group and the execution role are there; deploy the backup stack again.',
  ),
  NOT_STARTED: cause(
    true,
    'ECS could not start the container.',
    'Read what ECS says. If it happens again, deploy the backup stack again.',
  ),
  STOPPED_BY_USER: cause(
    false,
    'Somebody, or something in this account, stopped the task.',
    'If that was not meant, start the backup again; CloudTrail tells who called StopTask.',
  ),
  STOPPED_BY_PLATFORM: cause(
    true,
    'AWS stopped the task, for the upkeep of what it ran on.',
    'Nothing is wrong.',
  ),
  NO_EXIT_STATUS: cause(
    true,
    'The task ended without an exit status: what it ran on was lost.',
    'If it happens again, ask AWS with the ARN of the task.',
  ),
} as const satisfies Record<string, StopCauseEntry>;

export type StopCause = keyof typeof STOP_CAUSES;

function cause(retryable: boolean, found: string, next: string): StopCauseEntry {
  return { retryable, found, next };
}
