import type { LockMode } from '../contract/names.ts';
import { checkLocks, LOCK_DEFAULTS } from './check-locks.ts';
import { checkAlarm, checkVaultNames } from './check-vault.ts';
import { Problems } from './environment-problems.ts';
import type { PostgresVaultProps } from './vault-props.ts';
import { withoutUndefined } from './without-undefined.ts';

export const VAULT_DEFAULTS = {
  lockMode: 'COMPLIANCE' as LockMode,
  ...LOCK_DEFAULTS,
  acknowledgeLongLocks: false,
  alarmEmails: [] as readonly string[],
};

/** A vault's properties with the defaults filled in. */
export type ResolvedVault = PostgresVaultProps &
  typeof VAULT_DEFAULTS & { readonly clusterNames: readonly string[] };

/**
 * Fills in the defaults of a vault that stands in somebody's own stack, and checks every value.
 *
 * @throws EnvironmentError naming each wrong property, the value found and the fix.
 */
export function resolveVault(props: PostgresVaultProps): ResolvedVault {
  const problems = new Problems();
  const { environmentName, clusterNames = [], ...given } = props;
  checkVaultNames('environmentName', environmentName, given.bucketName, problems);
  checkLocks(given, problems);
  checkAlarm(given.alarmEmails, problems);
  problems.requireNames('clusterNames', clusterNames);
  problems.throwIfAny('The vault');
  return { ...VAULT_DEFAULTS, clusterNames, ...withoutUndefined(props) };
}
