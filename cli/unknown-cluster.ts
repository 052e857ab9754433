import { HoldfastError } from '../contract/errors.ts';

/** A typing error must not look like a cluster without backups. */
export function unknownCluster(cluster: string, names: readonly string[]): HoldfastError {
  const known = [...new Set(names)].sort().join(', ');
  return new HoldfastError(
    'CLUSTER_UNKNOWN',
    `There is no cluster "${cluster}": it is not configured, and the vault has nothing of it.`,
    { hint: known === '' ? 'There is none here yet.' : `Use one of these: ${known}` },
  );
}
