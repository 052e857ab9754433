import { describe, expect, it } from 'vitest';
import { parseClusterOptions } from '../../contract/cluster-options.ts';
import { EnvironmentVariable } from '../../contract/environment-variables.ts';
import { walFileKey, walIncrementKey } from '../../contract/wal-keys.ts';
import { walOptions } from '../fixtures/physical-options.ts';
import {
  LEASES_ARN,
  type Properties,
  resource,
  resources,
  wholeResources,
} from './deployed-values.ts';
import { BILLING, ENVIRONMENT, ORDERS } from './example-environment.ts';
import { BACKUP_OF_ORDERS, mayByRole, mayInVault } from './simulation.ts';
import { type Synthesized, synthesize, synthesized, warningsOf } from './synthesized.ts';

const SEGMENT = '0000000200000001000000FF';
const BACKUP_OF_BILLING = BACKUP_OF_ORDERS.replace('orders', 'billing');

interface Container {
  readonly Environment: readonly { readonly Name: string; readonly Value: string }[];
}

function task(family: string, of: Synthesized = synthesized()): Properties {
  return resource(of.backup, 'AWS::ECS::TaskDefinition', ({ Family }) => Family === family);
}

function variables(family: string): Record<string, string> {
  const [container] = task(family).ContainerDefinitions as Container[];
  return Object.fromEntries(container?.Environment.map(({ Name, Value }) => [Name, Value]) ?? []);
}

describe('the streamer of a cluster with wal', () => {
  it('is one task at most, which is stopped before its successor starts, and never given up', () => {
    expect(resource(synthesized().backup, 'AWS::ECS::Service')).toMatchObject({
      ServiceName: 'holdfast_test_wal_orders',
      DesiredCount: 1,
      LaunchType: 'FARGATE',
      AvailabilityZoneRebalancing: 'DISABLED',
      DeploymentConfiguration: {
        MinimumHealthyPercent: 0,
        MaximumPercent: 100,
        DeploymentCircuitBreaker: { Enable: false },
      },
      PropagateTags: 'SERVICE',
      Tags: expect.arrayContaining([{ Key: 'holdfast:cluster', Value: 'orders' }]),
    });
  });

  it('runs where backups run', () => {
    const where = (network: object) => {
      const { backup } = synthesize({ ...ENVIRONMENT, network });
      return (
        resource(backup, 'AWS::ECS::Service').NetworkConfiguration as {
          AwsvpcConfiguration: { AssignPublicIp: string; Subnets: string[] };
        }
      ).AwsvpcConfiguration;
    };
    expect(where({})).toMatchObject({ AssignPublicIp: 'DISABLED' });
    expect(where({}).Subnets).toHaveLength(2);
    expect(where({ natGateways: 0 })).toMatchObject({ AssignPublicIp: 'ENABLED' });
  });

  it('is the same image as its backups, smaller, and is told to stream and where its lease lies', () => {
    const [ours, theirs] = ['holdfast_test_wal_orders', 'holdfast_test_backup_orders'].map(
      (family) => (task(family).ContainerDefinitions as Properties[])[0],
    );
    expect(ours?.Image).toEqual(theirs?.Image);
    expect(ours).toMatchObject({ ReadonlyRootFilesystem: true, StopTimeout: 120 });
    expect(task('holdfast_test_wal_orders')).toMatchObject({ Cpu: '512', Memory: '1024' });
    const { [EnvironmentVariable.Action]: action, ...told } = variables('holdfast_test_wal_orders');
    expect(action).toBe('stream-wal');
    const { [EnvironmentVariable.LeaseTable]: table, ...asBackups } = told;
    expect(table).toMatch(/^Leases/);
    expect(asBackups).toEqual(variables('holdfast_test_backup_orders'));
    const options = asBackups[EnvironmentVariable.ClusterOptions] ?? '';
    expect(parseClusterOptions(options).wal).toEqual(walOptions());
  });

  it('has the size that is asked for', () => {
    const wal = { vCpu: 1, memoryMiB: 2048 };
    const larger = synthesize({ ...ENVIRONMENT, clusters: [{ ...ORDERS, wal }] });
    const size = { Cpu: '1024', Memory: '2048' };
    expect(task('holdfast_test_wal_orders', larger)).toMatchObject(size);
  });

  it('writes a log of its own', () => {
    const [streamer] = task('holdfast_test_wal_orders').ContainerDefinitions as Properties[];
    const [backup] = task('holdfast_test_backup_orders').ContainerDefinitions as Properties[];
    expect(streamer?.LogConfiguration).not.toEqual(backup?.LogConfiguration);
  });
});

it('there is neither streamer nor table where nobody has wal, or who has it is retired', () => {
  for (const clusters of [[BILLING], [{ ...ORDERS, retired: true }]]) {
    const { backup } = synthesize({ ...ENVIRONMENT, clusters });
    expect(resources(backup, 'AWS::ECS::Service')).toEqual([]);
    expect(resources(backup, 'AWS::DynamoDB::Table')).toEqual([]);
    expect(JSON.stringify(resources(backup, 'AWS::IAM::Role'))).not.toContain('dynamodb');
  }
});

it('synth warns of a cluster whose WAL no base backup on a schedule leads to', () => {
  const schedules = [{ name: 'weekly', kind: 'physical', cron: '0 1 ? * SUN *' }] as const;
  const clusters = [
    { ...ORDERS, name: 'with-base', schedules },
    { ...ORDERS, name: 'not-streamed', wal: undefined },
    { ...ORDERS, name: 'retired', retired: true },
  ];
  const others = warningsOf(synthesize({ ...ENVIRONMENT, clusters }).backupStack);
  expect(others).not.toContainEqual(expect.stringContaining('of kind physical'));
  expect(warningsOf(synthesized().backupStack)).toContainEqual(
    expect.stringMatching(/^orders streams its WAL and has no schedule of kind physical: .* Give/),
  );
});

describe('the table of leases', () => {
  const [table] = wholeResources(synthesized().backup, 'AWS::DynamoDB::Table');

  it('is keyed by cluster, paid by use, can be recovered, and outlives its stack', () => {
    expect(table).toMatchObject({
      DeletionPolicy: 'Retain',
      Properties: {
        KeySchema: [{ AttributeName: 'cluster', KeyType: 'HASH' }],
        BillingMode: 'PAY_PER_REQUEST',
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        DeletionProtectionEnabled: true,
      },
    });
  });

  it('has no name of its own, so that a stack that comes back can make another', () => {
    expect(table?.Properties).not.toHaveProperty('TableName');
  });
});

describe("the streamer's role", () => {
  const may = async (action: string, ...keys: string[]): Promise<boolean> => {
    const context = keys.length === 0 ? {} : { 'dynamodb:LeadingKeys': keys };
    return await mayByRole({ as: BACKUP_OF_ORDERS, action, context }, LEASES_ARN);
  };

  it.each(['s3:GetObject', 's3:GetObjectVersion'])('may %s on its WAL alone', async (action) => {
    const as = BACKUP_OF_ORDERS;
    for (const key of [
      walFileKey('orders', SEGMENT),
      walFileKey('orders', '00000002.history'),
      walIncrementKey('orders', SEGMENT, 0, 8192),
    ]) {
      expect(await mayInVault({ as, action, key })).toBe(true);
      const theirs = { as, action, key: key.replace('orders', 'billing') };
      expect(await mayInVault(theirs)).toBe(false);
      // Nobody streams it.
      expect(await mayInVault({ ...theirs, as: BACKUP_OF_BILLING })).toBe(false);
    }
  });

  it.each(['UpdateItem', 'DeleteItem'])(
    'may dynamodb:%s under its own key alone',
    async (action) => {
      expect(await may(`dynamodb:${action}`, 'orders')).toBe(true);
      expect(await may(`dynamodb:${action}`, 'billing')).toBe(false);
      expect(await may(`dynamodb:${action}`, 'orders', 'billing')).toBe(false);
      expect(await may(`dynamodb:${action}`)).toBe(false);
    },
  );

  it.each(['GetItem', 'PutItem', 'Query', 'BatchWriteItem', 'PartiQLDelete'])(
    'may not dynamodb:%s, whatever the key',
    async (action) => {
      expect(await may(`dynamodb:${action}`, 'orders')).toBe(false);
    },
  );

  it.each(['Scan', 'DeleteTable', 'UpdateTable', 'DescribeTable'])(
    'may not dynamodb:%s',
    async (action) => {
      expect(await may(`dynamodb:${action}`)).toBe(false);
    },
  );
});
