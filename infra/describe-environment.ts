import type { ResolvedEnvironment } from './resolved-environment.ts';

/** What is about to be deployed, in a line, such as `prod: 2 clusters (1 retired), 1 schedule, …`. */
export function describeEnvironment(environment: ResolvedEnvironment): string {
  const { name, clusters, lockMode, network } = environment;
  const active = clusters.filter(({ retired }) => !retired);
  const retired = clusters.length - active.length;
  const schedules = active.reduce((sum, cluster) => sum + cluster.schedules.length, 0);
  const days = clusters.map(({ retention }) => retention.days);
  const [least, most] = [Math.min(...days), Math.max(...days)];
  const parts = [
    `${count(clusters.length, 'cluster')}${retired === 0 ? '' : ` (${retired} retired)`}`,
    count(schedules, 'schedule'),
    `locked ${lockMode} for ${least === most ? '' : `${least} to `}${count(most, 'day')}`,
    network.vpcId === undefined
      ? count(network.natGateways ?? 1, 'NAT gateway')
      : `in ${network.vpcId}`,
  ];
  return `${name}: ${parts.join(', ')}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
