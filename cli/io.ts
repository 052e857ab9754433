import type { LastWords } from '../contract/last-words.ts';
import type { ClusterState } from '../contract/parameters.ts';
import type { StartTaskEvent } from '../contract/request.ts';
import type { TaskLog } from '../contract/task-log.ts';
import type { OpenDataKeys } from '../vault/decryption/decryption-keyring.ts';
import type { VaultReader } from '../vault/vault-reader.ts';
import type { WalVault } from '../vault/wal/wal-vault.ts';

export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
}

/** The outward services that commands need. */
export interface Services {
  /** @throws HoldfastError ENVIRONMENT_INVALID, VAULT_DENIED, VAULT_UNAVAILABLE */
  openVault(environment: string): Promise<VaultReader>;
  /**
   * The clusters that the environment's file names, by name.
   *
   * @throws HoldfastError ENVIRONMENT_INVALID, VAULT_DENIED, VAULT_UNAVAILABLE
   */
  configuredClusters(environment: string): Promise<ReadonlyMap<string, ClusterState>>;
  /** @throws HoldfastError CLUSTER_UNKNOWN, VAULT_DENIED, VAULT_UNAVAILABLE */
  dataKeysFor(environment: string, cluster: string): Promise<OpenDataKeys>;
  /**
   * The vault as a host that pushes WAL writes into it.
   *
   * @throws HoldfastError CLUSTER_UNKNOWN, ENVIRONMENT_INVALID, VAULT_DENIED, VAULT_UNAVAILABLE
   */
  openWalVault(environment: string, cluster: string): Promise<Omit<WalVault, 'systemIdentifier'>>;
  /** Invokes the environment's start-task. @throws HoldfastError ENVIRONMENT_INVALID, TASK_NOT_STARTED */
  startTask(environment: string, event: StartTaskEvent): Promise<FunctionAnswer>;
  /** How a task stands; `undefined`: ECS does not know it any more. */
  describeTask(arn: string): Promise<TaskState | undefined>;
  /** What the runner said last in a stopped task's log. Never throws. */
  readTaskLog(arn: string, end: TaskState): Promise<Heard>;
}

/** What the runner said last, or why nobody knows. */
export interface Heard {
  readonly words?: LastWords | undefined;
  readonly notHeard?: string;
  /** Absent where the task definition may not be read. */
  readonly log?: TaskLog | undefined;
}

/** What a function answered; where it `failed`, an error as Lambda words it. */
export interface FunctionAnswer {
  readonly payload: unknown;
  readonly failed: boolean;
}

export interface TaskState {
  /** ECS's word: `PENDING`, `RUNNING`, `STOPPED`, … */
  readonly status: string;
  /** Of the runner; absent while it runs, and when it never started. */
  readonly exitCode?: number | undefined;
  /** ECS's word for the kind of stop, such as `EssentialContainerExited`. */
  readonly stopCode?: string | undefined;
  /** Why it stopped, in ECS's words. */
  readonly reasons?: readonly string[];
  readonly taskDefinitionArn?: string | undefined;
}

/** Everything a command touches, so that a test can stand in for it. */
export interface Io {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  /** How this very program is called: a program and its first arguments. */
  readonly command: readonly string[];
  readonly services: Services;
}
