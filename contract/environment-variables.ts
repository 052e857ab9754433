import { HoldfastError } from './errors.ts';

/** Every environment variable that crosses a boundary. */
export const EnvironmentVariable = {
  /** Name of the environment, such as `prod`. */
  Environment: 'HOLDFAST_ENVIRONMENT',
  /** Task: name of the cluster it serves. */
  Cluster: 'HOLDFAST_CLUSTER',
  /** Task: name or ARN of the secret with the connection URIs. */
  SecretId: 'HOLDFAST_SECRET_ID',
  /** Task: name of the vault's bucket. */
  VaultBucket: 'HOLDFAST_VAULT_BUCKET',
  /** Task: ARN of the cluster's KMS key. */
  KmsKeyArn: 'HOLDFAST_KMS_KEY_ARN',
  /** Task: absolute path of the spool's volume. */
  SpoolDirectory: 'HOLDFAST_SPOOL_DIRECTORY',
  /** Task: `ClusterOptions` as JSON. */
  ClusterOptions: 'HOLDFAST_CLUSTER_OPTIONS',
  /**
   * Task: `stream-wal` of the one that streams WAL for as long as it lives, `probe-wal` of the one that
   * looks how much a slot holds back; not set: it has a request.
   */
  Action: 'HOLDFAST_ACTION',
  /** Streamer: name of the DynamoDB table of leases. */
  LeaseTable: 'HOLDFAST_LEASE_TABLE',
  /** Task, set at launch: `TaskRequest` as JSON. */
  Request: 'HOLDFAST_REQUEST',
  /** Task and start-task: ARN of the ECS cluster. */
  EcsCluster: 'HOLDFAST_ECS_CLUSTER',
  /** start-task: subnet ids, separated by commas. */
  Subnets: 'HOLDFAST_SUBNETS',
  /** start-task: security group ids, separated by commas. */
  SecurityGroups: 'HOLDFAST_SECURITY_GROUPS',
  /** start-task: `true` where tasks have no NAT and need a public address. */
  AssignPublicIp: 'HOLDFAST_ASSIGN_PUBLIC_IP',
  /** start-task: the configured clusters' names, separated by commas. */
  Clusters: 'HOLDFAST_CLUSTERS',
  /** start-task: names of those that take no more backups, separated by commas; may be empty. */
  RetiredClusters: 'HOLDFAST_RETIRED_CLUSTERS',
  /** task-stopped: ARN of the SNS topic that tells people. */
  TopicArn: 'HOLDFAST_TOPIC_ARN',
  /** task-stopped: ARN of start-task, which retries invoke. */
  StartTaskArn: 'HOLDFAST_START_TASK_ARN',
  /** task-stopped: name of the schedule group that retries go into. */
  ScheduleGroup: 'HOLDFAST_SCHEDULE_GROUP',
  /** task-stopped: ARN of the role under which retries invoke start-task. */
  SchedulerRoleArn: 'HOLDFAST_SCHEDULER_ROLE_ARN',
  /** task-stopped: how often one backup is started again by itself, at most. */
  MaxRetries: 'HOLDFAST_MAX_RETRIES',
  /** task-stopped: pause before the first of these, in minutes. */
  RetryAfterMinutes: 'HOLDFAST_RETRY_AFTER_MINUTES',
} as const;

export type EnvironmentVariable = (typeof EnvironmentVariable)[keyof typeof EnvironmentVariable];

/** `process.env`, or what stands for it in a test. */
export type EnvironmentSource = Readonly<Record<string, string | undefined>>;

/**
 * Reads one variable.
 *
 * @throws HoldfastError ENVIRONMENT_INVALID when it is missing or empty.
 */
export function readVariable(from: EnvironmentSource, name: EnvironmentVariable): string {
  const value = from[name];
  if (value === undefined || value === '') {
    throw new HoldfastError('ENVIRONMENT_INVALID', `The environment variable ${name} is not set.`, {
      hint: 'Deploy the stacks again: they set it. To run by hand, see docs/reference.md.',
    });
  }
  return value;
}

/** A list's text, and back by `readListVariable`. */
export function buildList(values: readonly string[]): string {
  return values.join(',');
}

/** @throws HoldfastError ENVIRONMENT_INVALID when it is missing or empty. */
export function readListVariable(from: EnvironmentSource, name: EnvironmentVariable): string[] {
  return readVariable(from, name).split(',');
}

/** The same for a list that may be empty, or is not there at all. */
export function readOptionalListVariable(
  from: EnvironmentSource,
  name: EnvironmentVariable,
): string[] {
  return (from[name] ?? '').split(',').filter((value) => value !== '');
}

/** What `HOLDFAST_ACTION` says of the task that streams WAL. */
export const STREAM_WAL = 'stream-wal';

/** What `HOLDFAST_ACTION` says of the task that looks how much WAL the servers hold back. */
export const PROBE_WAL = 'probe-wal';

/** Name of the container in every task definition that `start-task` overrides. */
export const RUNNER_CONTAINER = 'runner';
