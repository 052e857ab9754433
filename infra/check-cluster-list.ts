import type { ClusterEnvironment } from './environment.ts';
import type { Problems } from './environment-problems.ts';

/** Checks that there are clusters with lists of schedules: what else is wrong can be asked of such only. */
export function checkClusterList(given: readonly ClusterEnvironment[], problems: Problems): void {
  const clusters: unknown = given;
  problems.require(
    Array.isArray(clusters) && clusters.length > 0,
    'clusters',
    clusters,
    'List at least one cluster: { name, postgresMajor, secretName, schedules }.',
  );
  if (!Array.isArray(clusters)) return;
  for (const [index, cluster] of given.entries()) {
    const where = `clusters[${index}]`;
    if (!problems.requireObject(where, cluster, '{ name, postgresMajor, secretName, schedules }')) {
      continue;
    }
    const { schedules, logical, retention } = cluster;
    if (logical !== undefined) {
      problems.requireObject(`${where}.logical`, logical, "{ format: 'custom' }");
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
    if (!Array.isArray(schedules)) continue;
    for (const [at, schedule] of schedules.entries()) {
      problems.requireObject(`${where}.schedules[${at}]`, schedule, '{ name, kind, cron }');
    }
  }
  if (problems.found.length > 0) return;
  problems.requireUnique(
    'clusters[].name',
    given.map(({ name }) => name),
  );
}
