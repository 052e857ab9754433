import { type ClusterOptions, parseClusterOptions } from '../../contract/cluster-options.ts';
import {
  type EnvironmentSource,
  EnvironmentVariable,
  PROBE_WAL,
  readVariable,
  STREAM_WAL,
} from '../../contract/environment-variables.ts';
import { HoldfastError } from '../../contract/errors.ts';
import { parseTaskRequest, type TaskRequest } from '../../contract/request.ts';

/** What every task of a cluster is told through its environment. */
interface ClusterTask {
  readonly environment: string;
  readonly cluster: string;
  readonly secretId: string;
  readonly bucket: string;
  readonly kmsKeyArn: string;
  readonly options: ClusterOptions;
}

/** All that a task with a request is told. */
export interface TaskConfiguration extends ClusterTask {
  /** ARN of the ECS cluster that the task runs in. */
  readonly ecsCluster: string;
  readonly spoolDirectory: string;
  readonly request: TaskRequest;
}

/** All that the streamer of WAL is told. */
export interface StreamerConfiguration extends ClusterTask {
  /** Name of the table of leases. */
  readonly leaseTable: string;
}

/** @throws HoldfastError ENVIRONMENT_INVALID */
export function readStreamerConfiguration(from: EnvironmentSource): StreamerConfiguration {
  return {
    ...readClusterTask(from),
    leaseTable: readVariable(from, EnvironmentVariable.LeaseTable),
  };
}

/**
 * Whether the task is the one that streams WAL.
 *
 * @throws HoldfastError ENVIRONMENT_INVALID for an action that this version does not know.
 */
export function isStreamer(from: EnvironmentSource): boolean {
  const action = from[EnvironmentVariable.Action] ?? '';
  if (action === '' || action === STREAM_WAL) return action !== '';
  throw new HoldfastError(
    'ENVIRONMENT_INVALID',
    `The environment variable ${EnvironmentVariable.Action} is "${action}".`,
    {
      hint: `It is ${STREAM_WAL}, ${PROBE_WAL} or not set: deploy the stacks of the image's version.`,
    },
  );
}

/** @throws HoldfastError ENVIRONMENT_INVALID, REQUEST_INVALID */
export function readTaskConfiguration(from: EnvironmentSource): TaskConfiguration {
  const configuration = {
    ...readClusterTask(from),
    ecsCluster: readVariable(from, EnvironmentVariable.EcsCluster),
    spoolDirectory: readVariable(from, EnvironmentVariable.SpoolDirectory),
    request: parseTaskRequest(readVariable(from, EnvironmentVariable.Request)),
  };
  const { cluster, request } = configuration;
  if (request.cluster !== cluster) {
    throw new HoldfastError(
      'REQUEST_INVALID',
      `The request is for cluster ${request.cluster}; this task serves ${cluster}.`,
      { hint: 'Start the task of that cluster: one task definition belongs to one cluster.' },
    );
  }
  return configuration;
}

function readClusterTask(from: EnvironmentSource): ClusterTask {
  return {
    environment: readVariable(from, EnvironmentVariable.Environment),
    cluster: readVariable(from, EnvironmentVariable.Cluster),
    secretId: readVariable(from, EnvironmentVariable.SecretId),
    bucket: readVariable(from, EnvironmentVariable.VaultBucket),
    kmsKeyArn: readVariable(from, EnvironmentVariable.KmsKeyArn),
    options: parseClusterOptions(readVariable(from, EnvironmentVariable.ClusterOptions)),
  };
}
