import type { ClusterState } from '../contract/parameters.ts';

/** Where a cluster stands: in the environment's file, there and retired, or no more in it. */
export type Standing = 'configured' | 'retired' | 'not configured';

export function standingOf(
  cluster: string,
  configured: ReadonlyMap<string, ClusterState>,
): Standing {
  const state = configured.get(cluster);
  if (state === undefined) return 'not configured';
  return state.retired ? 'retired' : 'configured';
}

/** A cluster's name, with what is unusual about it: `orders`, `billing (retired)`. */
export function describeCluster(cluster: string, standing: Standing): string {
  return standing === 'configured' ? cluster : `${cluster} (${standing})`;
}
