import type { LockMode } from '../contract/names.ts';
import { POSTGRES_MAJORS } from '../contract/postgres-majors.ts';
import { checkCluster } from './check-cluster.ts';
import { checkEnvironment } from './check-environment.ts';
import type { ClusterEnvironment, Environment, NetworkOptions, Retention } from './environment.ts';
import { Problems } from './environment-problems.ts';
import { resolveLogical } from './logical-environment.ts';
import type { ResolvedCluster, ResolvedEnvironment } from './resolved-environment.ts';

const DEFAULTS = {
  lockMode: 'COMPLIANCE' as LockMode,
  minLockDays: 1,
  maxLockDays: 400,
  logRetentionDays: 90,
  network: {} as NetworkOptions,
};

const CLUSTER_DEFAULTS = {
  allowPrimary: false,
  maxReplayLagSeconds: 300,
  unknownLag: 'refuse' as const,
  pauseReplay: false,
  retryPauseSeconds: 5,
  jobs: 2,
  maxDurationMinutes: 720,
  stallMinutes: 30,
  maxRateMiBPerSecond: 0,
  vCpu: 2,
  memoryMiB: 4096,
  ephemeralStorageGiB: 40,
  architecture: 'x86_64' as const,
};

const SCHEDULE_DEFAULTS = { timeZone: 'UTC', flexibleWindowMinutes: 15 };

/**
 * Fills in the defaults, then checks every value.
 *
 * @throws EnvironmentError naming each wrong property, the value found and the fix.
 */
export function resolveEnvironment(given: Environment): ResolvedEnvironment {
  const problems = new Problems();
  checkEnvironment(given, problems);
  // Without a list of clusters there is nothing more to say.
  problems.throwIfAny(`The environment ${JSON.stringify(given.name)}`);
  const environment = { ...DEFAULTS, ...given };
  const clusters = given.clusters.map((cluster) => resolveCluster(cluster, given.retentionDays));
  for (const [index, cluster] of clusters.entries()) {
    checkCluster(`clusters[${index}]`, cluster, environment, problems);
  }
  problems.throwIfAny(`The environment ${JSON.stringify(given.name)}`);
  return { ...environment, clusters };
}

function resolveCluster(cluster: ClusterEnvironment, retentionDays: number): ResolvedCluster {
  const retention: Retention = { days: retentionDays };
  const ephemeralStorageGiB = cluster.ephemeralStorageGiB ?? CLUSTER_DEFAULTS.ephemeralStorageGiB;
  // An unsupported major is refused by checkCluster: here it only must not get in the way.
  const compression =
    POSTGRES_MAJORS.find(({ major }) => major === cluster.postgresMajor)?.compression ?? '';
  return {
    ...CLUSTER_DEFAULTS,
    retention,
    compression,
    spoolCapMiB: ephemeralStorageGiB * 768,
    ...cluster,
    logical: resolveLogical(cluster.logical ?? {}),
    schedules: cluster.schedules.map((schedule) => ({ ...SCHEDULE_DEFAULTS, ...schedule })),
  };
}
