import { describe, expect, it } from 'vitest';
import { readProbeConfiguration } from '../../containers/runner/probe-wal/probe-configuration.ts';
import { METRIC_NAMESPACE, Metric } from '../../contract/metrics.ts';
import type { WalEnvironment } from '../../infra/physical-environment.ts';
import { walOptions } from '../fixtures/physical-options.ts';
import { type Properties, resource, resources } from './deployed-values.ts';
import { BILLING, ENVIRONMENT, ORDERS } from './example-environment.ts';
import { type Synthesized, synthesize, synthesized } from './synthesized.ts';

interface Container {
  readonly Environment: readonly { readonly Name: string; readonly Value: string }[];
}

function task(family: string): Properties {
  return resource(
    synthesized().backup,
    'AWS::ECS::TaskDefinition',
    ({ Family }) => Family === family,
  );
}

const PROBE = 'holdfast_test_probe_orders';

describe('the probe of retained WAL', () => {
  const schedule = (of: Synthesized = synthesized()): Properties =>
    resource(of.backup, 'AWS::Scheduler::Schedule', ({ Name }) => Name === 'wal_probe_orders');

  it('is started every five minutes, as a task where the others run', () => {
    expect(schedule()).toMatchObject({
      ScheduleExpression: 'rate(5 minutes)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: {
        EcsParameters: {
          LaunchType: 'FARGATE',
          TaskCount: 1,
          NetworkConfiguration: {
            AwsvpcConfiguration: {
              AssignPublicIp: 'DISABLED',
              Subnets: [expect.any(String), expect.any(String)],
            },
          },
        },
        RetryPolicy: { MaximumEventAgeInSeconds: 60 },
      },
    });
    const open = schedule(synthesize({ ...ENVIRONMENT, network: { natGateways: 0 } }));
    expect(JSON.stringify(open)).toContain('"AssignPublicIp":"ENABLED"');
  });

  it('is told what it reads, and has the role that may read the secret', () => {
    const [container] = task(PROBE).ContainerDefinitions as Container[];
    const told = Object.fromEntries(
      container?.Environment.map(({ Name, Value }) => [Name, Value]) ?? [],
    );
    expect(told.HOLDFAST_ACTION).toBe('probe-wal');
    expect(readProbeConfiguration(told)).toEqual({
      environment: 'test',
      cluster: 'orders',
      secretId: 'holdfast/test/orders',
      wal: walOptions(),
    });
    expect(task(PROBE)).toMatchObject({ Cpu: '256', Memory: '512' });
    expect(task(PROBE).TaskRoleArn).toEqual(task('holdfast_test_backup_orders').TaskRoleArn);
  });

  it("may be started by its schedule's role, which may start nothing else", () => {
    const role = resource(synthesized().backup, 'AWS::IAM::Role', ({ Description }) =>
      String(Description).includes('look after the WAL of orders'),
    );
    const [{ PolicyDocument }] = role.Policies as [
      { PolicyDocument: { Statement: Record<string, unknown>[] } },
    ];
    const { Target } = schedule() as {
      Target: { Arn: string; EcsParameters: { TaskDefinitionArn: string } };
    };
    expect(PolicyDocument.Statement).toMatchObject([
      {
        Action: 'ecs:RunTask',
        Resource: Target.EcsParameters.TaskDefinitionArn,
        Condition: { ArnEquals: { 'ecs:cluster': Target.Arn } },
      },
      {
        Action: 'ecs:TagResource',
        Condition: { StringEquals: { 'ecs:CreateAction': 'RunTask' } },
      },
      {
        Action: 'iam:PassRole',
        Resource: [task(PROBE).TaskRoleArn, task(PROBE).ExecutionRoleArn],
        Condition: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
      },
    ]);
    expect(JSON.stringify(role.AssumeRolePolicyDocument)).toContain('scheduler.amazonaws.com');
    expect(JSON.stringify(role.AssumeRolePolicyDocument)).toContain('schedule-group/holdfast_test');
  });
});

describe('an alarm is raised', () => {
  const alarm = (name: string, of: Synthesized = synthesized()): Properties =>
    resource(
      of.backup,
      'AWS::CloudWatch::Alarm',
      ({ AlarmName }) => AlarmName === `holdfast_test_${name}_orders`,
    );
  const DIMENSIONS = [
    { Name: 'Cluster', Value: 'orders' },
    { Name: 'Environment', Value: 'test' },
  ];

  it('when a slot holds back what the owner does not want, or half of what the server keeps', () => {
    const { Metrics, ...rest } = alarm(
      'wal-retained',
      withWal({ retainedAlarmMiB: 100 }),
    ) as Properties & {
      Metrics: { Expression?: string; MetricStat?: { Metric: object; Stat: string } }[];
    };
    expect(Metrics.flatMap(({ Expression }) => Expression ?? [])).toEqual([
      'IF(bytes >= 104857600 OR percent >= 50, 1, 0)',
    ]);
    const measured = Metrics.flatMap(({ MetricStat }) => MetricStat ?? []);
    expect(measured).toMatchObject([
      { Metric: { MetricName: Metric.WalRetainedBytes }, Stat: 'Maximum', Period: 600 },
      { Metric: { MetricName: Metric.WalRetainedPercent }, Stat: 'Maximum', Period: 600 },
    ]);
    for (const { Metric: of } of measured) {
      expect(of).toMatchObject({ Namespace: METRIC_NAMESPACE, Dimensions: DIMENSIONS });
    }
    expect(rest).toMatchObject({ Threshold: 1, TreatMissingData: 'notBreaching' });
  });

  it.each([
    ['wal-slot-lost', Metric.WalSlotsLost, 600],
    ['wal-gap', Metric.WalGaps, 300],
    ['wal-two-primaries', Metric.WalTwoPrimaries, 300],
  ])('at once: %s', (name, MetricName, Period) => {
    expect(alarm(name)).toMatchObject({
      ...{ MetricName, Period, Namespace: METRIC_NAMESPACE, Dimensions: DIMENSIONS },
      ...{ Statistic: 'Maximum', Threshold: 1, EvaluationPeriods: 1 },
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      TreatMissingData: 'notBreaching',
    });
  });

  it('when the streamer streams nothing, or says nothing', () => {
    expect(alarm('wal-silent')).toMatchObject({
      ...{ MetricName: Metric.WalStreaming, Dimensions: DIMENSIONS, Statistic: 'Maximum' },
      ...{ Threshold: 1, ComparisonOperator: 'LessThanThreshold', EvaluationPeriods: 2 },
      TreatMissingData: 'breaching',
    });
  });

  it('when the streamer lives, and what the server wrote does not get into the vault', () => {
    const behind = {
      ...{ MetricName: Metric.WalLagSeconds, Dimensions: DIMENSIONS, Statistic: 'Maximum' },
      ...{ Period: 300, Threshold: 300, EvaluationPeriods: 2 },
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      TreatMissingData: 'notBreaching',
    };
    expect(alarm('wal-behind')).toMatchObject(behind);
    const rare = withWal({ incrementSeconds: 60 });
    expect(alarm('wal-behind', rare)).toMatchObject({ ...behind, Threshold: 600 });
  });

  it('when a server is not seen, or the probe says nothing', () => {
    expect(alarm('wal-unseen')).toMatchObject({
      ...{ MetricName: Metric.WalServersUnseen, Dimensions: DIMENSIONS, Period: 600 },
      ...{ Threshold: 1, EvaluationPeriods: 2, TreatMissingData: 'breaching' },
    });
  });

  it('to whom backups that failed are told', () => {
    const alarms = resources(synthesized().backup, 'AWS::CloudWatch::Alarm');
    const ofWal = alarms.filter(({ AlarmName }) => String(AlarmName).includes('_wal-'));
    expect(ofWal).toHaveLength(7);
    const others = alarms.filter((one) => !ofWal.includes(one));
    for (const { AlarmActions, AlarmDescription } of ofWal) {
      expect(AlarmActions).toEqual(others[0]?.AlarmActions);
      expect(AlarmDescription).toContain('WAL of orders (test)');
    }
  });
});

it('a cluster without wal has neither probe nor alarm', () => {
  const { backup } = synthesize({ ...ENVIRONMENT, clusters: [BILLING] });
  expect(JSON.stringify(backup.toJSON())).not.toMatch(/probe-wal|wal-silent/);
});

function withWal(wal: WalEnvironment): Synthesized {
  return synthesize({ ...ENVIRONMENT, clusters: [{ ...ORDERS, wal }] });
}
