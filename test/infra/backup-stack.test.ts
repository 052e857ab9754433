import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { parseClusterOptions } from '../../contract/cluster-options.ts';
import { startTaskFunctionName } from '../../contract/environment-names.ts';
import { EnvironmentVariable, readVariable } from '../../contract/environment-variables.ts';
import { taskRequestFor } from '../../contract/request.ts';
import { readSettings } from '../../functions/start-task/settings.ts';
import { logicalOptions } from '../fixtures/logical-options.ts';
import { physicalOptions, walOptions } from '../fixtures/physical-options.ts';
import {
  BUCKET,
  deployed,
  keyArn,
  type Properties,
  resource,
  resources,
} from './deployed-values.ts';
import { ENVIRONMENT } from './example-environment.ts';
import { synthesize, synthesized } from './synthesized.ts';

interface Container {
  readonly Environment: readonly { readonly Name: string; readonly Value: string }[];
}

function task(cluster: string): Properties {
  const family = `holdfast_test_backup_${cluster}`;
  return resource(
    synthesized().backup,
    'AWS::ECS::TaskDefinition',
    ({ Family }) => Family === family,
  );
}

function startTaskIn(template: Template): Properties {
  const name = startTaskFunctionName('test');
  return resource(template, 'AWS::Lambda::Function', ({ FunctionName }) => FunctionName === name);
}

/** An output of this very name, as documents give it. */
function output(template: Template, name: string): unknown {
  return deployed(template.findOutputs(name)[name]?.Value);
}

function taskEnvironment(cluster: string): Record<string, string> {
  const [container] = task(cluster).ContainerDefinitions as Container[];
  return Object.fromEntries(container?.Environment.map(({ Name, Value }) => [Name, Value]) ?? []);
}

describe('a task', () => {
  it('is told everything the runner reads, as the contract reads it', () => {
    const environment = taskEnvironment('orders');
    const told = (name: EnvironmentVariable): string => readVariable(environment, name);
    expect(told(EnvironmentVariable.Environment)).toBe('test');
    expect(told(EnvironmentVariable.Cluster)).toBe('orders');
    expect(told(EnvironmentVariable.SecretId)).toBe('holdfast/test/orders');
    expect(told(EnvironmentVariable.VaultBucket)).toBe(BUCKET);
    expect(told(EnvironmentVariable.KmsKeyArn)).toBe(keyArn('orders'));
    expect(told(EnvironmentVariable.SpoolDirectory)).toBe('/spool');
    const { EcsCluster } = EnvironmentVariable;
    const { Environment } = startTaskIn(synthesized().backup);
    const { Variables } = Environment as { Variables: Record<string, string> };
    expect(told(EcsCluster)).toBe(readVariable(Variables, EcsCluster));
    expect(parseClusterOptions(told(EnvironmentVariable.ClusterOptions))).toEqual({
      postgresMajor: 17,
      allowPrimary: false,
      maxReplayLagSeconds: 300,
      unknownLag: 'refuse',
      pauseReplay: false,
      retryPauseSeconds: 5,
      maxDurationMinutes: 720,
      stallMinutes: 30,
      maxRateMiBPerSecond: 0,
      jobs: 2,
      compression: 'zstd:1',
      spoolCapMiB: 30_720,
      retentionDays: 35,
      lockMode: 'COMPLIANCE',
      logical: logicalOptions(),
      physical: physicalOptions(),
      wal: walOptions(),
    });
  });

  it("takes its major's compression and its cluster's own retention", () => {
    const text = taskEnvironment('billing')[EnvironmentVariable.ClusterOptions] ?? '';
    expect(parseClusterOptions(text)).toMatchObject({ compression: 'gzip:1', retentionDays: 90 });
  });

  it('can change nothing but its spool, has no privileges, and two minutes to stop', () => {
    expect(task('orders')).toMatchObject({
      Cpu: '2048',
      Memory: '4096',
      EphemeralStorage: { SizeInGiB: 40 },
      RuntimePlatform: { CpuArchitecture: 'X86_64' },
      Volumes: [{ Name: 'spool' }],
      ContainerDefinitions: [
        {
          Name: 'runner',
          ReadonlyRootFilesystem: true,
          StopTimeout: 120,
          LinuxParameters: { Capabilities: { Drop: ['ALL'] } },
          MountPoints: [{ ContainerPath: '/spool', ReadOnly: false, SourceVolume: 'spool' }],
        },
      ],
    });
    expect(task('billing')).toMatchObject({
      EphemeralStorage: { SizeInGiB: 100 },
      RuntimePlatform: { CpuArchitecture: 'ARM64' },
    });
  });

  it('does not ask for the 20 GiB that come with it, which Fargate would refuse', () => {
    const [orders] = ENVIRONMENT.clusters;
    if (orders === undefined) throw new Error('no cluster');
    const small = { ...orders, ephemeralStorageGiB: 20, wal: undefined };
    const { backup } = synthesize({ ...ENVIRONMENT, clusters: [small] });
    expect(resource(backup, 'AWS::ECS::TaskDefinition')).not.toHaveProperty('EphemeralStorage');
  });
});

describe('start-task', () => {
  const fn = (): Properties => startTaskIn(synthesized().backup);

  it('is told where tasks run, as it reads it', () => {
    const { Variables } = fn().Environment as { Variables: Record<string, string> };
    const settings = readSettings(Variables);
    expect(settings.environment).toBe('test');
    expect(settings.clusters).toEqual(['orders', 'billing']);
    expect(settings.subnets).toHaveLength(2);
    expect(settings.assignPublicIp).toBe(false);
  });

  it('may run these tasks in this cluster, and pass only their roles to ECS', () => {
    const role = resource(synthesized().backup, 'AWS::IAM::Role', ({ Description }) =>
      String(Description).endsWith('starts tasks on request'),
    );
    const [{ PolicyDocument }] = role.Policies as [
      { PolicyDocument: { Statement: { Sid: string; Action: string; Resource: string[] }[] } },
    ];
    const bySid = Object.fromEntries(PolicyDocument.Statement.map((entry) => [entry.Sid, entry]));
    expect(Object.keys(bySid)).toEqual([
      'RunTheTasks',
      'ListTasks',
      'DescribeTasks',
      'TagTheTasks',
      'PassTheTasksRoles',
      'WriteItsLog',
    ]);
    expect(bySid.RunTheTasks).toMatchObject({
      Resource: [
        expect.stringMatching(/:task-definition\/holdfast_test_backup_orders:\*$/),
        expect.stringMatching(/:task-definition\/holdfast_test_backup_billing:\*$/),
      ],
      Condition: { ArnEquals: { 'ecs:cluster': expect.any(String) } },
    });
    expect(bySid.PassTheTasksRoles).toMatchObject({
      Condition: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
    });
    expect(bySid.PassTheTasksRoles?.Resource).toHaveLength(3);
  });

  it('is tried again for an hour at most when a schedule called it', () => {
    const configured = resources(synthesized().backup, 'AWS::Lambda::EventInvokeConfig');
    expect(configured).toHaveLength(2);
    for (const one of configured) {
      expect(one).toMatchObject({ MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 2 });
    }
    // The AWS CLI gives up after a minute, and calls again.
    expect(fn()).toMatchObject({ Runtime: 'nodejs24.x', Handler: 'index.handler', Timeout: 55 });
  });
});

describe('schedules', () => {
  const schedule = (name: string): Properties =>
    resource(synthesized().backup, 'AWS::Scheduler::Schedule', ({ Name }) => Name === name);

  it("fire in the user's time zone, within a window, for an hour at most", () => {
    const names = resources(synthesized().backup, 'AWS::Scheduler::Schedule').map(
      ({ Name }) => Name,
    );
    expect(names.sort()).toEqual(['orders_daily', 'orders_noon', 'wal_probe_orders']);
    expect(schedule('orders_daily')).toMatchObject({
      ScheduleExpression: 'cron(0 3 * * ? *)',
      ScheduleExpressionTimezone: 'Europe/Vienna',
      FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 15 },
      Target: { RetryPolicy: { MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 10 } },
    });
    expect(schedule('orders_noon')).toMatchObject({
      ScheduleExpressionTimezone: 'UTC',
      FlexibleTimeWindow: { Mode: 'OFF' },
    });
  });

  it('send what start-task understands, once the time is filled in', () => {
    const { Input } = schedule('orders_daily').Target as { Input: string };
    const sent = Input.replace('<aws.scheduler.scheduled-time>', '2026-11-20T03:00:00Z');
    expect(sent).not.toBe(Input);
    const fresh = { id: 'unused', now: '2026-11-20T03:00:07Z' };
    expect(taskRequestFor(JSON.parse(sent), fresh)).toMatchObject({
      cluster: 'orders',
      kind: 'logical',
      label: expect.stringMatching(/^20261120T030000Z-logical-full-/),
      askedBy: { by: 'schedule', schedule: 'daily', scheduledTime: '2026-11-20T03:00:00Z' },
    });
  });

  it('may invoke start-task and nothing else', () => {
    const role = resource(synthesized().backup, 'AWS::IAM::Role', ({ Description }) =>
      String(Description).includes('lets schedules'),
    );
    expect(role.Policies).toMatchObject([
      {
        PolicyDocument: {
          Statement: [
            { Action: 'lambda:InvokeFunction', Resource: expect.stringContaining('StartTask') },
          ],
        },
      },
    ]);
  });
});

describe('the network', () => {
  it('spans two zones, with one NAT gateway and a free way to S3', () => {
    const { backup } = synthesized();
    expect(resources(backup, 'AWS::EC2::Subnet')).toHaveLength(4);
    expect(resources(backup, 'AWS::EC2::NatGateway')).toHaveLength(1);
    const endpoint = resource(backup, 'AWS::EC2::VPCEndpoint');
    expect(endpoint.ServiceName).toBe('com.amazonaws.eu-central-1.s3');
    const tables = resources(backup, 'AWS::EC2::RouteTable');
    expect(endpoint.RouteTableIds).toHaveLength(tables.length);
  });

  it('tells the addresses that tasks come from, and none where there is no NAT', () => {
    const gateways = resources(synthesized().backup, 'AWS::EC2::EIP');
    expect(gateways).toHaveLength(1);
    const one = output(synthesized().backup, 'EgressAddresses');
    expect(one).toMatch(/^arn:aws:test:.*EIP\w+\.PublicIp$/);
    const two = synthesize({ ...ENVIRONMENT, network: { natGateways: 2 } }).backup;
    expect(String(output(two, 'EgressAddresses')).split(', ')).toHaveLength(2);
    const none = synthesize({ ...ENVIRONMENT, network: { natGateways: 0 } }).backup;
    expect(Object.keys(none.findOutputs('*'))).toEqual(['TaskSecurityGroup']);
  });

  it('lets nothing in', () => {
    const { backup } = synthesized();
    expect(resources(backup, 'AWS::EC2::SecurityGroupIngress')).toHaveLength(0);
    for (const group of resources(backup, 'AWS::EC2::SecurityGroup')) {
      expect(group.SecurityGroupIngress).toBeUndefined();
    }
  });

  it('without NAT gives tasks public addresses, and keeps the way to S3', () => {
    const { backup } = synthesize({ ...ENVIRONMENT, network: { natGateways: 0 } });
    expect(resources(backup, 'AWS::EC2::NatGateway')).toHaveLength(0);
    expect(resources(backup, 'AWS::EC2::VPCEndpoint')).toHaveLength(1);
    expect(startTaskIn(backup)).toMatchObject({
      Environment: { Variables: { HOLDFAST_ASSIGN_PUBLIC_IP: 'true' } },
    });
  });

  it('can be one that exists', () => {
    const { backup } = synthesize({
      ...ENVIRONMENT,
      network: {
        vpcId: 'vpc-0123456789abcdef0',
        availabilityZones: ['eu-central-1a'],
        subnetIds: ['subnet-0123456789abcdef0'],
      },
    });
    expect(resources(backup, 'AWS::EC2::VPC')).toHaveLength(0);
    expect(resource(backup, 'AWS::EC2::SecurityGroup')).toMatchObject({
      VpcId: 'vpc-0123456789abcdef0',
    });
    const { Environment } = startTaskIn(backup);
    const { Variables } = Environment as { Variables: Record<string, string> };
    expect(Variables.HOLDFAST_SUBNETS).toBe('subnet-0123456789abcdef0');
    // For the rule that lets tasks in to PostgreSQL.
    expect(output(backup, 'TaskSecurityGroup')).toBe(deployed(Variables.HOLDFAST_SECURITY_GROUPS));
    expect(backup.findOutputs('EgressAddresses')).toEqual({});
  });
});

it('takes nothing from the vault stack by export', () => {
  const { vault, backup } = synthesized();
  expect(vault.findOutputs('*')).toEqual({});
  expect(JSON.stringify(backup.toJSON())).not.toContain('Fn::ImportValue');
});

it('keeps logs for as long as the environment says', () => {
  const groups = resources(synthesized().backup, 'AWS::Logs::LogGroup');
  expect(groups.map(({ RetentionInDays }) => RetentionInDays)).toEqual([90, 90, 90, 90, 90]);
});

describe('tags', () => {
  /** Types that CloudFormation gives no tags, as far as the stacks have them. */
  const WITHOUT_TAGS = new Set([
    'AWS::EC2::Route',
    'AWS::EC2::SubnetRouteTableAssociation',
    'AWS::EC2::VPCGatewayAttachment',
    'AWS::Events::Rule',
    'AWS::IAM::Policy',
    'AWS::KMS::Alias',
    'AWS::Lambda::EventInvokeConfig',
    'AWS::Lambda::Permission',
    'AWS::S3::BucketPolicy',
    'AWS::SNS::Subscription',
    'AWS::SNS::TopicPolicy',
    'AWS::Scheduler::Schedule',
  ]);
  interface Tagged {
    readonly Type: string;
    readonly Properties?: { readonly Tags?: unknown };
  }

  it('are on everything that can have them: by environment, and by whatever the file says', () => {
    const { vault, backup } = synthesize({ ...ENVIRONMENT, tags: { 'cost-center': '4711' } });
    const all = [vault, backup].flatMap((template) =>
      Object.values(template.toJSON().Resources as Record<string, Tagged>),
    );
    const taggable = all.filter(({ Type }) => !WITHOUT_TAGS.has(Type));
    expect(taggable.length).toBeGreaterThan(20);
    for (const { Type, Properties } of taggable) {
      const tags = JSON.stringify(Properties?.Tags ?? 'none');
      expect({ Type, tags }).toEqual({ Type, tags: expect.stringContaining('cost-center') });
      expect({ Type, tags }).toEqual({
        Type,
        tags: expect.stringContaining('holdfast:environment'),
      });
    }
  });

  it("tell a cluster's tasks apart, whose definition hands them on", () => {
    const tags = { Tags: expect.arrayContaining([{ Key: 'holdfast:cluster', Value: 'billing' }]) };
    expect(task('billing')).toMatchObject(tags);
  });
});
