import { POSTGRES_MAJORS } from '../contract/postgres-majors.ts';
import { checkCluster } from './check-cluster.ts';
import { checkClusterList } from './check-cluster-list.ts';
import type { LockBounds } from './check-locks.ts';
import type { ClusterEnvironment, Retention } from './environment.ts';
import { Problems } from './environment-problems.ts';
import { resolveLogical } from './logical-environment.ts';
import { resolvePhysical, resolveWal } from './physical-environment.ts';
import type { ResolvedCluster } from './resolved-environment.ts';
import { withoutUndefined } from './without-undefined.ts';

const CLUSTER_DEFAULTS = {
  retired: false,
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

const SCHEDULE_DEFAULTS = { timeZone: 'UTC', flexibleWindowMinutes: 15, type: 'full' as const };

/** What a cluster takes over from its vault. */
export interface OfVault extends LockBounds {
  readonly retentionDays: number;
}

/**
 * Fills in the defaults of clusters that stand in somebody's own stack, and checks every value.
 *
 * @throws EnvironmentError naming each wrong property, the value found and the fix.
 */
export function resolveClusters(
  given: readonly ClusterEnvironment[],
  vault: OfVault,
): ResolvedCluster[] {
  const problems = new Problems();
  const clusters = checkClusters(given, vault, problems);
  problems.throwIfAny('The backups');
  return clusters;
}

/** The clusters with their defaults: all of them, unless something is wrong. */
export function checkClusters(
  given: readonly ClusterEnvironment[],
  vault: OfVault,
  problems: Problems,
): ResolvedCluster[] {
  return checkClusterList(given, problems).map((placed) => {
    const cluster = resolveCluster(placed.cluster, vault);
    checkCluster(placed, cluster, vault, problems);
    return cluster;
  });
}

function resolveCluster(cluster: ClusterEnvironment, { retentionDays }: OfVault): ResolvedCluster {
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
    ...withoutUndefined(cluster),
    logical: resolveLogical(cluster.logical ?? {}),
    physical: resolvePhysical(cluster.physical ?? {}),
    wal: resolveWal(cluster.wal),
    schedules: cluster.schedules.map((schedule) => ({
      ...SCHEDULE_DEFAULTS,
      ...withoutUndefined(schedule),
    })),
  };
}
