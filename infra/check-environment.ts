import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { EnvironmentName, LOCK_MODES } from '../contract/names.ts';
import type { Environment } from './environment.ts';
import type { Problems } from './environment-problems.ts';

/** S3 itself takes up to 100 years. */
const LONGEST_LOCK_DAYS = 36_500;

const LOG_RETENTION_DAYS = Object.values(RetentionDays).filter(
  (days): days is RetentionDays => typeof days === 'number' && days !== RetentionDays.INFINITE,
);

const KNOWN = [
  'name',
  'account',
  'region',
  'bucketName',
  'lockMode',
  'retentionDays',
  'minLockDays',
  'maxLockDays',
  'logRetentionDays',
  'network',
  'clusters',
] as const satisfies readonly (keyof Environment)[];

/** Checks what belongs to the environment as a whole; its clusters are checked one by one. */
export function checkEnvironment(given: Environment, problems: Problems): void {
  problems.requireKnown('', given, KNOWN);
  problems.require(
    EnvironmentName.safeParse(given.name).success,
    'name',
    given.name,
    'Give 1 to 20 characters out of a-z, 0-9 and -, equal to the name of the file.',
  );
  checkPlace(given, problems);
  checkLocks(given, problems);
  if (given.logRetentionDays !== undefined) {
    problems.requireOneOf('logRetentionDays', given.logRetentionDays, LOG_RETENTION_DAYS);
  }
  if (given.network !== undefined) checkNetwork(given, given.network, problems);
  const clusters: unknown = given.clusters;
  problems.require(
    Array.isArray(clusters) && clusters.length > 0,
    'clusters',
    clusters,
    'List at least one cluster: { name, postgresMajor, secretName, schedules }.',
  );
  if (Array.isArray(clusters)) {
    problems.requireUnique(
      'clusters[].name',
      given.clusters.map(({ name }) => name),
    );
    for (const [index, { schedules }] of given.clusters.entries()) {
      problems.require(
        Array.isArray(schedules),
        `clusters[${index}].schedules`,
        schedules,
        'List the schedules, or give [] for backups on request only.',
      );
    }
  }
}

function checkPlace(given: Environment, problems: Problems): void {
  const { account, region, bucketName } = given;
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
  if (bucketName !== undefined) {
    problems.requireText(
      'bucketName',
      bucketName,
      /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/,
      'Give 3 to 63 characters out of a-z, 0-9 and -, or leave it out for a name made from the account.',
    );
  }
}

function checkLocks(given: Environment, problems: Problems): void {
  if (given.lockMode !== undefined) problems.requireOneOf('lockMode', given.lockMode, LOCK_MODES);
  problems.requireInteger('retentionDays', given.retentionDays, 2, LONGEST_LOCK_DAYS);
  if (given.minLockDays !== undefined) {
    problems.requireInteger('minLockDays', given.minLockDays, 1, LONGEST_LOCK_DAYS);
  }
  if (given.maxLockDays !== undefined) {
    problems.requireInteger('maxLockDays', given.maxLockDays, 3, LONGEST_LOCK_DAYS);
  }
}

const NETWORK_KNOWN = [
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
  problems.requireKnown('network', network, NETWORK_KNOWN);
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
    subnetIds.length > 0 && subnetIds.every((id) => /^subnet-[0-9a-f]{8,17}$/.test(id)),
    'network.subnetIds',
    network.subnetIds,
    'List at least one id of a subnet of that VPC, such as subnet-0123456789abcdef0.',
  );
  problems.require(
    availabilityZones.length === subnetIds.length,
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
      availabilityZones.every((zone) => zone.startsWith(given.region ?? '')),
    'network.availabilityZones',
    network.availabilityZones,
    `Give zones of ${given.region}.`,
  );
}
