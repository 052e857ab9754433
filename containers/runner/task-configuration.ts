import { type ClusterOptions, parseClusterOptions } from '../../contract/cluster-options.ts';
import {
  type EnvironmentSource,
  EnvironmentVariable,
  readVariable,
} from '../../contract/environment-variables.ts';
import { HoldfastError } from '../../contract/errors.ts';
import { parseTaskRequest, type TaskRequest } from '../../contract/request.ts';

/** All that a task is told through its environment. */
export interface TaskConfiguration {
  readonly environment: string;
  readonly cluster: string;
  readonly secretId: string;
  readonly bucket: string;
  readonly kmsKeyArn: string;
  /** ARN of the ECS cluster that the task runs in. */
  readonly ecsCluster: string;
  readonly spoolDirectory: string;
  readonly options: ClusterOptions;
  readonly request: TaskRequest;
}

/** @throws HoldfastError ENVIRONMENT_INVALID, REQUEST_INVALID */
export function readTaskConfiguration(from: EnvironmentSource): TaskConfiguration {
  const configuration = {
    environment: readVariable(from, EnvironmentVariable.Environment),
    cluster: readVariable(from, EnvironmentVariable.Cluster),
    secretId: readVariable(from, EnvironmentVariable.SecretId),
    bucket: readVariable(from, EnvironmentVariable.VaultBucket),
    kmsKeyArn: readVariable(from, EnvironmentVariable.KmsKeyArn),
    ecsCluster: readVariable(from, EnvironmentVariable.EcsCluster),
    spoolDirectory: readVariable(from, EnvironmentVariable.SpoolDirectory),
    options: parseClusterOptions(readVariable(from, EnvironmentVariable.ClusterOptions)),
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
