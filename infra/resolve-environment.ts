import { checkEnvironment } from './check-environment.ts';
import { lockBounds } from './check-locks.ts';
import { NOTIFICATION_DEFAULTS } from './check-notifications.ts';
import type { Environment, NetworkOptions } from './environment.ts';
import { Problems } from './environment-problems.ts';
import { checkClusters } from './resolve-clusters.ts';
import { VAULT_DEFAULTS } from './resolve-vault.ts';
import type { ResolvedEnvironment } from './resolved-environment.ts';
import { withoutUndefined } from './without-undefined.ts';

const DEFAULTS = {
  ...VAULT_DEFAULTS,
  ...NOTIFICATION_DEFAULTS,
  logRetentionDays: 90,
  tags: {} as Readonly<Record<string, string>>,
  network: {} as NetworkOptions,
};

/**
 * Fills in the defaults, and checks every value: all that is wrong is told at once.
 *
 * @param file name of the file that it stands in, without its ending, if it stands in one.
 * @throws EnvironmentError naming each wrong property, the value found and the fix.
 */
export function resolveEnvironment(given: Environment, file?: string): ResolvedEnvironment {
  const problems = new Problems();
  if (file !== undefined) {
    const fix = `Give ${JSON.stringify(file)}, the file's own name.`;
    problems.require(given.name === file, 'name', given.name, fix);
  }
  checkEnvironment(given, problems);
  const { retentionDays } = given;
  const clusters = checkClusters(given.clusters, { retentionDays, ...lockBounds(given) }, problems);
  problems.throwIfAny(`The environment ${JSON.stringify(file ?? given.name)}`);
  const alarmEmails = (given.notify ?? []).filter((receiver) => !receiver.startsWith('https://'));
  return { ...DEFAULTS, alarmEmails, ...withoutUndefined(given), clusters };
}
