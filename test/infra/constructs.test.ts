import { type App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import { describe, expect, it } from 'vitest';
import {
  PostgresBackups,
  type PostgresBackupsProps,
} from '../../infra/constructs/postgres-backups.ts';
import { PostgresVault } from '../../infra/constructs/postgres-vault.ts';
import { resource, resources } from './deployed-values.ts';
import { BILLING, ORDERS } from './example-environment.ts';
import { withApp } from './new-app.ts';

const VAULT = { environmentName: 'theirs', retentionDays: 35 };
const PLACE = { env: { account: '111122223333', region: 'eu-central-1' } };

/** Somebody's stack, with a network of its own and what `build` puts into it. */
function inTheirStack(build: (stack: Stack, app: App) => void): Template {
  return withApp((app) => {
    const stack = new Stack(app, 'Theirs', PLACE);
    build(stack, app);
    return Template.fromStack(stack);
  });
}

describe("in somebody's own stack", () => {
  it('vault and backups stand beside each other, and need nothing that is deployed before', () => {
    const template = inTheirStack((stack) => {
      const vault = new PostgresVault(stack, 'Vault', VAULT);
      new PostgresBackups(stack, 'Backups', { vault, clusters: [ORDERS, BILLING] });
    });
    expect(resources(template, 'AWS::S3::Bucket')).toHaveLength(1);
    expect(resources(template, 'AWS::KMS::Alias')).toHaveLength(3);
    // A backup's each, a streamer's and a probe's.
    expect(resources(template, 'AWS::ECS::TaskDefinition')).toHaveLength(4);
    expect(resources(template, 'AWS::Scheduler::Schedule')).toHaveLength(3);
    // A parameter of the same stack has no value yet when CloudFormation looks it up.
    const parameters = Object.values(template.toJSON().Parameters ?? {}) as { Default: string }[];
    expect(parameters.filter(({ Default }) => Default.startsWith('/holdfast'))).toEqual([]);
  });

  it('tasks run in the VPC that is given, in the subnets that are chosen', () => {
    const template = inTheirStack((stack) => {
      const vpc = new Vpc(stack, 'Vpc', { natGateways: 0, maxAzs: 2 });
      new PostgresBackups(stack, 'Backups', {
        vault: new PostgresVault(stack, 'Vault', VAULT),
        clusters: [ORDERS],
        vpc: vpc as PostgresBackupsProps['vpc'] & object,
        vpcSubnets: { subnetType: SubnetType.PUBLIC },
        assignPublicIp: true,
        logRetentionDays: 7,
      });
    });
    expect(resources(template, 'AWS::EC2::VPC')).toHaveLength(1);
    const startTask = resource(template, 'AWS::Lambda::Function', ({ FunctionName }) =>
      String(FunctionName).endsWith('start-task'),
    );
    const { Variables } = startTask.Environment as { Variables: Record<string, string> };
    expect(Variables.HOLDFAST_SUBNETS).toMatch(/^VpcPublicSubnet1\w+,VpcPublicSubnet2\w+$/);
    expect(Variables.HOLDFAST_ASSIGN_PUBLIC_IP).toBe('true');
    for (const { RetentionInDays } of resources(template, 'AWS::Logs::LogGroup')) {
      expect(RetentionInDays).toBe(7);
    }
  });

  it('the backups may live in a stack of their own, without an export', () => {
    withApp((app) => {
      const first = new Stack(app, 'First', PLACE);
      const second = new Stack(app, 'Second', PLACE);
      const vault = new PostgresVault(first, 'Vault', VAULT);
      new PostgresBackups(second, 'Backups', { vault, clusters: [ORDERS] });
      expect(second.dependencies).toContain(first);
      expect(resources(Template.fromStack(first), 'AWS::KMS::Alias')).toHaveLength(2);
      expect(JSON.stringify(Template.fromStack(second).toJSON())).not.toContain('Fn::ImportValue');
    });
  });

  it.each<[object, string]>([
    [{ environmentName: 'Theirs' }, 'environmentName is "Theirs". Give 1 to 20 characters'],
    [{ retentionDays: 1 }, 'retentionDays is 1. Give a whole number from 3'],
    [{ lockMode: 'NONE' }, 'lockMode is "NONE". Give one of COMPLIANCE, GOVERNANCE.'],
    [{ minLockDays: 0 }, 'minLockDays is 0. Give a whole number from 1'],
    [{ maxLockDays: 1 }, 'maxLockDays is 1. Give a whole number from 4'],
    [{ bucketName: 'Big' }, 'bucketName is "Big". Give 3 to 63 characters'],
    [{ clusterNames: ['A'] }, 'clusterNames is ["A"]. List names of 1 to 40 characters'],
  ])('a vault with %j is refused by name', (change, expected) => {
    const build = (stack: Stack) => new PostgresVault(stack, 'Vault', { ...VAULT, ...change });
    expect(() => inTheirStack(build)).toThrow(expected);
  });

  it.each<[object, string]>([
    [{ clusters: [] }, 'clusters is []. List at least one cluster'],
    [{ clusters: [{ ...ORDERS, jobs: 0 }] }, 'clusters[0].jobs is 0. Give a whole number'],
    [{ clusters: [{ ...ORDERS, retention: { days: 400 } }] }, 'clusters[0].retention.days is 400.'],
    [{ natGateways: 3 }, 'natGateways is 3. Give a whole number from 0 to 2.'],
    [{ assignPublicIp: true }, 'assignPublicIp is true. Leave it out, or give vpc'],
    [{ vpcSubnets: {} }, 'vpcSubnets is "given". Leave it out, or give vpc'],
    [{ logRetentionDays: 8 }, 'logRetentionDays is 8. Give one of 1, 3'],
    [{ notify: ['ops'] }, 'notify[0] is "ops". Give a mail address'],
    [{ maxRetries: 6 }, 'maxRetries is 6. Give a whole number from 0 to 5.'],
    [{ retryAfterMinutes: 4 }, 'retryAfterMinutes is 4. Give a whole number from 5 to 240.'],
  ])('backups with %j are refused by name', (change, expected) => {
    const build = (stack: Stack): void => {
      const vault = new PostgresVault(stack, 'Vault', VAULT);
      new PostgresBackups(stack, 'Backups', { vault, clusters: [ORDERS], ...change });
    };
    expect(() => inTheirStack(build)).toThrow(expected);
  });
});
