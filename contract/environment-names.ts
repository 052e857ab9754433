/**
 * Names that are fixed by environment and cluster, so that stacks, functions, policies and the
 * command find each other's resources without exporting ARNs across stacks.
 */
export function resourceName(environment: string, ...parts: readonly string[]): string {
  // An underscore cannot stand in either name, so no two pairs of names give the same string.
  return ['holdfast', environment, ...parts].join('_');
}

/** ECS task definition family of a cluster's backups. */
export function taskFamily(environment: string, cluster: string): string {
  return resourceName(environment, 'backup', cluster);
}

/** IAM role under which a cluster's backup tasks run. 64 characters at most on AWS. */
export function backupRoleName(environment: string, cluster: string): string {
  return `hf.${environment}.${cluster}`;
}

/** IAM path of the backup roles, so that a policy can match them all. */
export function backupRolePath(): string {
  return '/holdfast/backup/';
}

/** IAM role that reads and decrypts, for a person who restores. */
export function restoreRoleName(environment: string): string {
  return `hf.${environment}`;
}

export function restoreRolePath(): string {
  return '/holdfast/restore/';
}

export function startTaskFunctionName(environment: string): string {
  return resourceName(environment, 'start-task');
}

/** SSM parameter: `VaultParameter` as JSON. */
export function vaultParameterName(environment: string): string {
  return `/holdfast/${environment}/vault`;
}

/** SSM parameter: `ClusterParameter` as JSON. */
export function clusterParameterName(environment: string, cluster: string): string {
  return `/holdfast/${environment}/clusters/${cluster}`;
}
