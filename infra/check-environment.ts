import { checkLogRetention } from './check-backups.ts';
import { checkLocks } from './check-locks.ts';
import { checkNotifications } from './check-notifications.ts';
import { checkAlarm, checkVaultNames } from './check-vault.ts';
import type { Environment } from './environment.ts';
import type { Problems } from './environment-problems.ts';

export const ENVIRONMENT_PROPERTIES = [
  'name',
  'account',
  'region',
  'bucketName',
  'lockMode',
  'retentionDays',
  'minLockDays',
  'maxLockDays',
  'acknowledgeLongLocks',
  'alarmEmails',
  'logRetentionDays',
  'tags',
  'network',
  'notify',
  'maxRetries',
  'retryAfterMinutes',
  'clusters',
] as const satisfies readonly (keyof Environment)[];

/** Checks what belongs to the environment as a whole; its clusters are checked one by one. */
export function checkEnvironment(given: Environment, problems: Problems): void {
  problems.requireKnown('', given, ENVIRONMENT_PROPERTIES);
  checkVaultNames('name', given.name, given.bucketName, problems);
  checkPlace(given, problems);
  checkLocks(given, problems);
  checkAlarm(given.alarmEmails, problems);
  checkLogRetention(given.logRetentionDays, problems);
  if (given.tags !== undefined) checkTags(given.tags, problems);
  checkNotifications(given, problems);
  const { network } = given;
  if (network !== undefined && problems.requireObject('network', network, '{ natGateways: 0 }')) {
    checkNetwork(given, network, problems);
  }
}

function checkPlace(given: Environment, problems: Problems): void {
  const { account, region } = given;
  problems.require(
    (account === undefined) === (region === undefined),
    account === undefined ? 'account' : 'region',
    undefined,
    'Give account and region together, or neither to take those of the credentials.',
  );
  if (account !== undefined) {
    problems.requireText(
      'account',
      account,
      /^\d{12}$/,
      "Give the account's 12 digits as a string.",
    );
  }
  if (region !== undefined) {
    problems.requireText(
      'region',
      region,
      /^[a-z]{2}(-[a-z]+)+-\d$/,
      'Give the name of an AWS region, such as eu-central-1.',
    );
  }
}

export const NETWORK_PROPERTIES = [
  'natGateways',
  'vpcId',
  'availabilityZones',
  'subnetIds',
  'assignPublicIp',
] as const;

function checkNetwork(
  given: Environment,
  network: NonNullable<Environment['network']>,
  problems: Problems,
): void {
  problems.requireKnown('network', network, NETWORK_PROPERTIES);
  const { natGateways, vpcId, availabilityZones = [], subnetIds = [], assignPublicIp } = network;
  if (vpcId === undefined) {
    if (natGateways !== undefined)
      problems.requireInteger('network.natGateways', natGateways, 0, 2);
    for (const name of ['availabilityZones', 'subnetIds', 'assignPublicIp'] as const) {
      problems.require(
        network[name] === undefined,
        `network.${name}`,
        network[name],
        'Leave it out, or give network.vpcId: it describes an existing VPC.',
      );
    }
    return;
  }
  problems.requireText(
    'network.vpcId',
    vpcId,
    /^vpc-[0-9a-f]{8,17}$/,
    'Give the id of an existing VPC, such as vpc-0123456789abcdef0.',
  );
  problems.require(
    natGateways === undefined,
    'network.natGateways',
    natGateways,
    'Leave it out: Holdfast adds no NAT gateway to an existing VPC.',
  );
  problems.require(
    Array.isArray(subnetIds) &&
      subnetIds.length > 0 &&
      subnetIds.every((id) => /^subnet-[0-9a-f]{8,17}$/.test(id)),
    'network.subnetIds',
    network.subnetIds,
    'List at least one id of a subnet of that VPC, such as subnet-0123456789abcdef0.',
  );
  problems.require(
    Array.isArray(availabilityZones) &&
      Array.isArray(subnetIds) &&
      availabilityZones.length === subnetIds.length &&
      availabilityZones.every((zone) => typeof zone === 'string'),
    'network.availabilityZones',
    network.availabilityZones,
    'List the availability zone of each subnet, in the order of network.subnetIds.',
  );
  problems.require(
    assignPublicIp === undefined || typeof assignPublicIp === 'boolean',
    'network.assignPublicIp',
    assignPublicIp,
    'Give true or false.',
  );
  problems.require(
    given.region === undefined ||
      !Array.isArray(availabilityZones) ||
      availabilityZones.every((zone) => String(zone).startsWith(given.region ?? '')),
    'network.availabilityZones',
    network.availabilityZones,
    `Give zones of ${given.region}.`,
  );
}

/** @see https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html */
const TAG_TEXT = /^[\p{L}\p{N} _.:/=+\-@]*$/u;
/** AWS takes 50 of a resource; some are Holdfast's and CloudFormation's own. */
const MOST_TAGS = 40;

function checkTags(tags: unknown, problems: Problems): void {
  const shape = "{ 'cost-center': '4711' }";
  if (!problems.requireObject('tags', tags, shape)) return;
  const entries = Object.entries(tags as Record<string, unknown>);
  const fix = `Give up to ${MOST_TAGS} tags, such as ${shape}.`;
  problems.require(entries.length <= MOST_TAGS, 'tags', `${entries.length} tags`, fix);
  for (const [key, value] of entries) {
    problems.require(
      key.length >= 1 && key.length <= 128 && TAG_TEXT.test(key) && !/^(aws|holdfast):/i.test(key),
      'tags',
      key,
      'Give keys of 1 to 128 letters, digits, spaces and _.:/=+-@, that begin with neither aws: nor holdfast:.',
    );
    problems.requireText(
      `tags.${key}`,
      value,
      /^[\p{L}\p{N} _.:/=+\-@]{0,256}$/u,
      'Give text of up to 256 letters, digits, spaces and _.:/=+-@.',
    );
  }
}
