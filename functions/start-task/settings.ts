import {
  type EnvironmentSource,
  EnvironmentVariable,
  readListVariable,
  readOptionalListVariable,
  readVariable,
} from '../../contract/environment-variables.ts';

/** What the stack tells the function about where tasks run. */
export interface StartTaskSettings {
  readonly environment: string;
  /** ARN of the ECS cluster. */
  readonly ecsCluster: string;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly assignPublicIp: boolean;
  /** Names of the clusters that have a task definition. */
  readonly clusters: readonly string[];
  /** Those of them that take no more backups. */
  readonly retiredClusters: readonly string[];
}

/** @throws HoldfastError ENVIRONMENT_INVALID naming the variable that is missing. */
export function readSettings(from: EnvironmentSource): StartTaskSettings {
  return {
    environment: readVariable(from, EnvironmentVariable.Environment),
    ecsCluster: readVariable(from, EnvironmentVariable.EcsCluster),
    subnets: readListVariable(from, EnvironmentVariable.Subnets),
    securityGroups: readListVariable(from, EnvironmentVariable.SecurityGroups),
    assignPublicIp: readVariable(from, EnvironmentVariable.AssignPublicIp) === 'true',
    clusters: readListVariable(from, EnvironmentVariable.Clusters),
    retiredClusters: readOptionalListVariable(from, EnvironmentVariable.RetiredClusters),
  };
}
