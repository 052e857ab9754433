import type { ClusterEnvironment } from './environment.ts';
import type { Problems } from './environment-problems.ts';

/** A cluster and its place in the file, such as `clusters[0]`. */
export interface PlacedCluster {
  readonly where: string;
  readonly cluster: ClusterEnvironment;
}

/**
 * Checks that there are clusters with lists of schedules, and answers with those that are whole so far:
 * what else is wrong can be asked of such only.
 */
export function checkClusterList(
  given: readonly ClusterEnvironment[],
  problems: Problems,
): PlacedCluster[] {
  const clusters: unknown = given;
  problems.require(
    Array.isArray(clusters) && clusters.length > 0,
    'clusters',
    clusters,
    'List at least one cluster: { name, postgresMajor, secretName, schedules }.',
  );
  if (!Array.isArray(clusters)) return [];
  const placed = given.map((cluster, index) => ({ where: `clusters[${index}]`, cluster }));
  problems.requireUnique(
    'clusters[].name',
    given.map((cluster: ClusterEnvironment | null | undefined) => cluster?.name),
  );
  return placed.filter(({ where, cluster }) => checkShape(where, cluster, problems));
}

/** Whether all that should be an object or a list is one. */
function checkShape(where: string, cluster: ClusterEnvironment, problems: Problems): boolean {
  const before = problems.found.length;
  if (!problems.requireObject(where, cluster, '{ name, postgresMajor, secretName, schedules }')) {
    return false;
  }
  const { schedules, logical, physical, wal, retention } = cluster;
  if (logical !== undefined) {
    problems.requireObject(`${where}.logical`, logical, "{ format: 'custom' }");
  }
  if (physical !== undefined) {
    problems.requireObject(`${where}.physical`, physical, "{ checkpoint: 'spread' }");
  }
  if (wal !== undefined) {
    problems.requireObject(`${where}.wal`, wal, '{ incrementSeconds: 5 }');
  }
  if (retention !== undefined) {
    problems.requireObject(`${where}.retention`, retention, '{ days: 35 }');
  }
  problems.require(
    Array.isArray(schedules),
    `${where}.schedules`,
    schedules,
    'List the schedules, or give [] for backups on request only.',
  );
  if (Array.isArray(schedules)) {
    for (const [at, schedule] of schedules.entries()) {
      problems.requireObject(`${where}.schedules[${at}]`, schedule, '{ name, kind, cron }');
    }
  }
  return problems.found.length === before;
}
