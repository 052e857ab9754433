import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { checkNotifications, type NotificationOptions } from './check-notifications.ts';
import type { NetworkProps } from './constructs/network.ts';
import { Problems } from './environment-problems.ts';

const LOG_RETENTION_DAYS = Object.values(RetentionDays).filter(
  (days): days is RetentionDays => typeof days === 'number' && days !== RetentionDays.INFINITE,
);

export function checkLogRetention(days: number | undefined, problems: Problems): void {
  if (days !== undefined) problems.requireOneOf('logRetentionDays', days, LOG_RETENTION_DAYS);
}

/**
 * Checks what `PostgresBackups` is given besides its clusters.
 *
 * @throws EnvironmentError naming each wrong property, the value found and the fix.
 */
export function checkBackups(
  given: NetworkProps & NotificationOptions & { readonly logRetentionDays?: number },
): void {
  const problems = new Problems();
  const { vpc, vpcSubnets, natGateways, assignPublicIp } = given;
  checkLogRetention(given.logRetentionDays, problems);
  checkNotifications(given, problems);
  if (natGateways !== undefined) problems.requireInteger('natGateways', natGateways, 0, 2);
  if (vpc === undefined) {
    const fix = 'Leave it out, or give vpc: it is about an existing VPC.';
    // A selection of subnets may hold constructs, which cannot be shown.
    problems.require(vpcSubnets === undefined, 'vpcSubnets', 'given', fix);
    problems.require(assignPublicIp === undefined, 'assignPublicIp', assignPublicIp, fix);
  } else {
    const fix = 'Leave it out: no NAT gateway is added to an existing VPC.';
    problems.require(natGateways === undefined, 'natGateways', natGateways, fix);
  }
  problems.throwIfAny('The backups');
}
