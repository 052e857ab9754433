/**
 * Names that are fixed by environment and cluster, so that stacks, functions, policies and the
 * command find each other's resources without exporting ARNs across stacks.
 */
export function resourceName(environment: string, ...parts: readonly string[]): string {
  // An underscore cannot stand in either name, so no two pairs of names give the same string.
  return ['holdfast', environment, ...parts].join('_');
}

/** Tags by which costs are told apart. */
export const EnvironmentTag = {
  Environment: 'holdfast:environment',
  Cluster: 'holdfast:cluster',
} as const;

/** ECS task definition family of a cluster's backups. */
export function taskFamily(environment: string, cluster: string): string {
  return resourceName(environment, 'backup', cluster);
}

/** The cluster whose backups a family is of; `undefined` if it is not of this environment's backups. */
export function clusterOfFamily(environment: string, family: string): string | undefined {
  const prefix = taskFamily(environment, '');
  return family.startsWith(prefix) ? family.slice(prefix.length) : undefined;
}

/** ECS service and task definition family of the streamer of a cluster's WAL. */
export function streamerName(environment: string, cluster: string): string {
  return resourceName(environment, 'wal', cluster);
}

/** Task definition family of the probe that looks how much WAL a cluster's slot holds back. */
export function probeFamily(environment: string, cluster: string): string {
  return resourceName(environment, 'probe', cluster);
}

/** Schedule of that probe; no cluster's schedule has two underscores. */
export function probeScheduleName(cluster: string): string {
  return `wal_probe_${cluster}`;
}

/** IAM role under which a cluster's backup tasks run. 64 characters at most on AWS. */
export function backupRoleName(environment: string, cluster: string): string {
  return `hf.${environment}.${cluster}`;
}

/** IAM path of the backup roles, so that a policy can match them all. */
export function backupRolePath(): string {
  return '/holdfast/backup/';
}

/**
 * IAM role of hosts that push their WAL by `archive_command`. The stacks make none: whoever has such
 * hosts makes it under this name, by which the key's policy knows it. IAM has no two roles of one name,
 * also on different paths, so it is not the backup role's. 64 characters at most on AWS.
 */
export function pushRoleName(environment: string, cluster: string): string {
  return `hp.${environment}.${cluster}`;
}

export function pushRolePath(): string {
  return '/holdfast/push/';
}

/** IAM role that reads and decrypts, for a person who restores. */
export function restoreRoleName(environment: string): string {
  return `hf.${environment}`;
}

export function restoreRolePath(): string {
  return '/holdfast/restore/';
}

/** SNS topic that tells of whoever lays hands on the vault. */
export function vaultAlarmName(environment: string): string {
  return resourceName(environment, 'vault-alarm');
}

/** EventBridge rules over the vault itself. */
export function vaultRuleName(environment: string, watched: 'bucket' | 'alarm' | 'key'): string {
  return resourceName(environment, 'vault', watched);
}

/** EventBridge rule over a cluster's key. 64 characters at most on AWS. */
export function keyRuleName(environment: string, cluster: string): string {
  return `hf.${environment}.${cluster}`;
}

/** The vault's bucket, unless the environment names one. 63 characters at most on AWS. */
export function vaultBucketName(environment: string, account: string, region: string): string {
  return `holdfast-${environment}-${account}-${region}`;
}

/** CloudFormation stack with the bucket and the keys. */
export function vaultStackName(environment: string): string {
  return `HoldfastVault-${environment}`;
}

/** CloudFormation stack with everything that runs. */
export function backupStackName(environment: string): string {
  return `HoldfastBackup-${environment}`;
}

export function startTaskFunctionName(environment: string): string {
  return resourceName(environment, 'start-task');
}

export function taskStoppedFunctionName(environment: string): string {
  return resourceName(environment, 'task-stopped');
}

/** SNS topic that tells people. */
export function topicName(environment: string): string {
  return resourceName(environment, 'notifications');
}

/** SSM parameter: `VaultParameter` as JSON. */
export function vaultParameterName(environment: string): string {
  return `/holdfast/${environment}/vault`;
}

/** SSM parameter: `ClusterParameter` as JSON. */
export function clusterParameterName(environment: string, cluster: string): string {
  return `/holdfast/${environment}/clusters/${cluster}`;
}

/**
 * SSM parameter: the ARN of the cluster's KMS key, and nothing else, because CloudFormation can only
 * take a parameter's whole value into a template.
 */
export function clusterKeyParameterName(environment: string, cluster: string): string {
  return `${clusterParameterName(environment, cluster)}/kms-key-arn`;
}

/** SSM path of the clusters that the environment's file names: `ClusterState` each, as JSON. */
export function clusterStatePath(environment: string): string {
  return `/holdfast/${environment}/configured`;
}

/** SSM parameter: `ClusterState` as JSON. It goes when the cluster leaves the file. */
export function clusterStateName(environment: string, cluster: string): string {
  return `${clusterStatePath(environment)}/${cluster}`;
}

/** SSM path of everything an environment publishes. */
export function parameterPath(environment: string): string {
  return `/holdfast/${environment}`;
}
