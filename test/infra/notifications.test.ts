import { describe, expect, it } from 'vitest';
import { readSettings } from '../../functions/task-stopped/settings.ts';
import { type Properties, resource, resources } from './deployed-values.ts';
import { ENVIRONMENT } from './example-environment.ts';
import { synthesize, synthesized, warningsOf } from './synthesized.ts';

interface Statement {
  readonly Sid: string;
  readonly Action: string | string[];
  readonly Resource: string;
  readonly Principal?: { readonly Service: string[] };
  readonly Condition?: object;
}

function statementsOf(policy: unknown): Statement[] {
  return (policy as { Statement: Statement[] }).Statement;
}

const ALARMS = {
  Principal: { Service: 'cloudwatch.amazonaws.com' },
  Condition: { StringEquals: { 'aws:SourceAccount': expect.any(String) } },
};

describe('the topic', () => {
  const { backup } = synthesized();

  it("is encrypted by a key of its own, which this account's alarms may use, and no other service", () => {
    const { KmsMasterKeyId } = resource(backup, 'AWS::SNS::Topic');
    expect(KmsMasterKeyId).toMatch(/NotificationsKey/);
    const { KeyPolicy, EnableKeyRotation } = resource(backup, 'AWS::KMS::Key');
    expect(EnableKeyRotation).toBe(true);
    const use = { Action: ['kms:Decrypt', 'kms:GenerateDataKey*'], Resource: '*' };
    expect(statementsOf(KeyPolicy).slice(1)).toMatchObject([{ ...ALARMS, ...use }]);
  });

  it("lets this account's alarms publish, no other service, and nobody without TLS", () => {
    const { PolicyDocument } = resource(backup, 'AWS::SNS::TopicPolicy');
    expect(statementsOf(PolicyDocument)).toMatchObject([
      { Effect: 'Deny', Action: 'sns:Publish', Condition: { Bool: expect.any(Object) } },
      { ...ALARMS, Action: 'sns:Publish' },
    ]);
  });

  it('has the subscriptions of the file; where there are none, synth warns', () => {
    const notify = ['ops@example.com', 'https://example.com/hook'];
    const told = synthesize({ ...ENVIRONMENT, notify });
    const subscriptions = resources(told.backup, 'AWS::SNS::Subscription');
    expect(subscriptions.map(({ Protocol, Endpoint }) => `${Protocol} ${Endpoint}`)).toEqual([
      'email ops@example.com',
      'https https://example.com/hook',
    ]);
    const nobody = expect.stringContaining('nobody hears of a backup that fails');
    expect(warningsOf(told.backupStack)).not.toContainEqual(nobody);
    expect(warningsOf(synthesized().backupStack)).toContainEqual(nobody);
  });
});

describe('task-stopped', () => {
  const { backup } = synthesized();
  const named = ({ FunctionName }: Properties): boolean =>
    FunctionName === 'holdfast_test_task-stopped';

  it('is told what it reads', () => {
    const { Environment } = resource(backup, 'AWS::Lambda::Function', named);
    const { Variables } = Environment as { Variables: Record<string, string> };
    expect(readSettings(Variables)).toMatchObject({
      environment: 'test',
      maxRetries: 2,
      retryAfterMinutes: 10,
      startTaskArn: expect.stringContaining('StartTask'),
      topicArn: expect.stringContaining('NotificationsTopic'),
    });
  });

  it("is invoked when a backup's task of this ECS cluster has stopped, and by nothing else", () => {
    const { EventPattern, Targets } = resource(backup, 'AWS::Events::Rule');
    expect(EventPattern).toEqual({
      source: ['aws.ecs'],
      'detail-type': ['ECS Task State Change'],
      detail: {
        clusterArn: [expect.stringContaining('Cluster')],
        lastStatus: ['STOPPED'],
        group: [{ prefix: 'family:holdfast_test_backup_' }],
      },
    });
    expect(Targets).toMatchObject([{ Arn: expect.stringContaining('TaskStopped') }]);
    expect(resources(backup, 'AWS::Lambda::Permission')).toMatchObject([
      { Principal: 'events.amazonaws.com', SourceArn: expect.stringContaining('TaskStoppedRule') },
    ]);
  });

  it('may publish, schedule retries and write its log, and nothing else', () => {
    const role = resource(backup, 'AWS::IAM::Role', ({ Description }) =>
      String(Description).endsWith('says what became of tasks'),
    );
    const [{ PolicyDocument }] = role.Policies as [{ PolicyDocument: unknown }];
    expect(statementsOf(PolicyDocument)).toMatchObject([
      { Action: 'sns:Publish', Resource: expect.stringContaining('NotificationsTopic') },
      {
        Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
        Resource: expect.stringContaining('NotificationsKey'),
      },
      {
        Action: 'scheduler:CreateSchedule',
        Resource: expect.stringMatching(/:schedule\/holdfast_test\/retry_\*$/),
      },
      {
        Action: 'iam:PassRole',
        Resource: expect.stringContaining('SchedulesRole'),
        Condition: { StringEquals: { 'iam:PassedToService': 'scheduler.amazonaws.com' } },
      },
      { Action: 'ecs:DescribeTaskDefinition', Resource: '*' },
      {
        Action: 'logs:GetLogEvents',
        Resource: [expect.stringContaining('Logorders'), expect.stringContaining('Logbilling')],
      },
      { Action: ['logs:CreateLogStream', 'logs:PutLogEvents'] },
    ]);
    expect(role.ManagedPolicyArns).toBeUndefined();
  });
});

it('an alarm tells people of a schedule whose backup was not started, of no mistake of who waits for the answer, and of what was not told', () => {
  const { backup } = synthesized();
  // Those of WAL are in wal-watch.test.ts.
  const alarms = resources(backup, 'AWS::CloudWatch::Alarm').filter(
    ({ AlarmName }) => !String(AlarmName).includes('_wal-'),
  );
  expect(
    alarms.map(({ AlarmName, MetricName, Dimensions }) => ({ AlarmName, MetricName, Dimensions })),
  ).toEqual([
    {
      AlarmName: 'holdfast_test_start-task-failed',
      MetricName: 'AsyncEventsDropped',
      Dimensions: [{ Name: 'FunctionName', Value: expect.stringContaining('StartTask') }],
    },
    {
      AlarmName: 'holdfast_test_task-stopped-failed',
      MetricName: 'Errors',
      Dimensions: [{ Name: 'FunctionName', Value: expect.stringContaining('TaskStopped') }],
    },
  ]);
  for (const alarm of alarms) {
    expect(alarm).toMatchObject({
      Namespace: 'AWS/Lambda',
      Statistic: 'Sum',
      Threshold: 1,
      TreatMissingData: 'notBreaching',
      AlarmActions: [expect.stringContaining('NotificationsTopic')],
    });
  }
});
