import { checkEnvironment } from './check-environment.ts';
import { NOTIFICATION_DEFAULTS } from './check-notifications.ts';
import type { Environment, NetworkOptions } from './environment.ts';
import { Problems } from './environment-problems.ts';
import { checkClusters, resolveCluster } from './resolve-clusters.ts';
import { VAULT_DEFAULTS, withoutUndefined } from './resolve-vault.ts';
import type { ResolvedEnvironment } from './resolved-environment.ts';

const DEFAULTS = {
  ...VAULT_DEFAULTS,
  ...NOTIFICATION_DEFAULTS,
  logRetentionDays: 90,
  tags: {} as Readonly<Record<string, string>>,
  network: {} as NetworkOptions,
};

/**
 * Fills in the defaults, then checks every value.
 *
 * @throws EnvironmentError naming each wrong property, the value found and the fix.
 */
export function resolveEnvironment(given: Environment): ResolvedEnvironment {
  const subject = `The environment ${JSON.stringify(given.name)}`;
  const problems = new Problems();
  checkEnvironment(given, problems);
  // Without a list of clusters there is nothing more to say.
  problems.throwIfAny(subject);
  const alarmEmails = (given.notify ?? []).filter((receiver) => !receiver.startsWith('https://'));
  const environment = { ...DEFAULTS, alarmEmails, ...withoutUndefined(given) };
  const clusters = given.clusters.map((cluster) => resolveCluster(cluster, environment));
  checkClusters(clusters, environment, problems);
  problems.throwIfAny(subject);
  return { ...environment, clusters };
}
