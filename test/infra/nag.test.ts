import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { expect, it } from 'vitest';
import type { Environment } from '../../infra/environment.ts';
import { addHoldfastStacks, type HoldfastStacks } from '../../infra/holdfast-stacks.ts';
import { resolveEnvironment } from '../../infra/resolve-environment.ts';
import { ENVIRONMENT } from './example-environment.ts';
import { withApp } from './new-app.ts';

/**
 * What cdk-nag and CloudFormation's own rules say about an environment, as JSON.
 *
 * @throws when one of them finds an error that nobody has acknowledged with a reason.
 */
function findings(environment: Environment, change: (stacks: HoldfastStacks) => void): string {
  return withApp((app) => {
    change(addHoldfastStacks(app, resolveEnvironment(environment)));
    const { directory } = app.synth();
    const report = JSON.parse(readFileSync(join(directory, 'validation-report.json'), 'utf8'));
    return JSON.stringify(report.pluginReports);
  });
}

it.each([
  ['two clusters and an explicit account', { account: '111122223333', region: 'eu-central-1' }],
  [
    'clusters that are retired, mails and tags',
    {
      clusters: ENVIRONMENT.clusters.map((cluster) => ({ ...cluster, retired: true })),
      alarmEmails: ['ops@example.com'],
      tags: { 'cost-center': '4711' },
    },
  ],
  ['no NAT gateway', { network: { natGateways: 0 } }],
  ['a bucket of a given name', { bucketName: 'our-backups' }],
  [
    'an existing VPC',
    {
      network: {
        vpcId: 'vpc-0123456789abcdef0',
        availabilityZones: ['eu-central-1a'],
        subnetIds: ['subnet-0123456789abcdef0'],
      },
    },
  ],
])('nothing is found with %s', (_, change) => {
  expect(findings({ ...ENVIRONMENT, ...change }, () => undefined)).toBe('[]');
});

it('and synth fails with what nobody has acknowledged', () => {
  const careless = ({ vault }: HoldfastStacks) => new Bucket(vault, 'Careless');
  expect(() => findings(ENVIRONMENT, careless)).toThrow('AwsSolutions-S1');
});
