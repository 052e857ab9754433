import { describe, expect, it } from 'vitest';
import { ACCOUNT, BUCKET, REGION, resource, resources, wholeResources } from './deployed-values.ts';
import { takes } from './event-pattern.ts';
import { ENVIRONMENT } from './example-environment.ts';
import { synthesize, synthesized } from './synthesized.ts';

interface Granted {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Principal?: { readonly Service?: string };
}

interface Target {
  readonly Arn: string;
  readonly InputTransformer: { readonly InputTemplate: string };
}

/** The rules that take a call, as CloudTrail hands it to EventBridge. */
function rulesFor(eventSource: string, eventName: string, about: object): unknown[] {
  const event = {
    'detail-type': 'AWS API Call via CloudTrail',
    source: `aws.${eventSource}`,
    detail: { eventSource: `${eventSource}.amazonaws.com`, eventName, ...about },
  };
  return resources(synthesized().vault, 'AWS::Events::Rule')
    .filter(({ EventPattern }) => takes(EventPattern as Record<string, unknown>, event))
    .map(({ Name }) => Name);
}

/** The key that a rule is over, by the stand-in for its ARN. */
function keyOf(rule: string): string {
  const { EventPattern } = resource(
    synthesized().vault,
    'AWS::Events::Rule',
    ({ Name }) => Name === rule,
  );
  const [found] = JSON.stringify(EventPattern).match(/arn:aws:test:[^"]+/) ?? [];
  return found ?? 'no key';
}

const onKey = (arn: string) => ({
  requestParameters: { keyId: 'mrk-0' },
  resources: [
    { type: 'AWS::KMS::Alias', ARN: `arn:aws:kms:${REGION}:${ACCOUNT}:alias/any` },
    { type: 'AWS::KMS::Key', ARN: arn },
  ],
});

describe("the vault's alarm rings for", () => {
  it.each([
    'ScheduleKeyDeletion',
    'DisableKey',
    'PutKeyPolicy',
    'DisableKeyRotation',
    'DeleteImportedKeyMaterial',
    'CreateGrant',
    'ReEncrypt',
    'ReplicateKey',
    'UpdatePrimaryRegion',
    'DeleteAlias',
    'UpdateAlias',
    'TagResource',
    'UntagResource',
  ])("%s on a cluster's key, and on no other", (name) => {
    for (const cluster of ['orders', 'billing']) {
      const rule = `hf.test.${cluster}`;
      expect(rulesFor('kms', name, onKey(keyOf(rule)))).toEqual([rule]);
    }
    expect(rulesFor('kms', name, onKey(`arn:aws:kms:${REGION}:${ACCOUNT}:key/other`))).toEqual([]);
  });

  it.each(['PutKeyPolicy', 'DisableKey', 'ScheduleKeyDeletion'])('%s on its own key', (name) => {
    const rule = 'holdfast_test_vault_key';
    expect(rulesFor('kms', name, onKey(keyOf(rule)))).toEqual([rule]);
  });

  it.each([
    'PutBucketPolicy',
    'DeleteBucketPolicy',
    'PutBucketObjectLockConfiguration',
    'PutBucketVersioning',
    'PutBucketLifecycle',
    'PutBucketPublicAccessBlock',
    'DeleteBucketPublicAccessBlock',
    'PutBucketReplication',
    'DeleteBucket',
  ])('%s on the bucket, and on no other', (name) => {
    const on = (bucketName: string) => ({ requestParameters: { bucketName } });
    expect(rulesFor('s3', name, on(BUCKET))).toEqual(['holdfast_test_vault_bucket']);
    expect(rulesFor('s3', name, on('another'))).toEqual([]);
  });

  it('each of its rules being silenced, by a rule that still stands', () => {
    const rules = resources(synthesized().vault, 'AWS::Events::Rule').map(({ Name }) => Name);
    expect(rules).toHaveLength(5);
    for (const name of rules) {
      for (const call of ['DisableRule', 'DeleteRule', 'PutRule']) {
        const told = rulesFor('events', call, { requestParameters: { name } });
        expect(told.filter((rule) => rule !== name)).toHaveLength(1);
      }
      for (const call of ['RemoveTargets', 'PutTargets']) {
        const told = rulesFor('events', call, { requestParameters: { rule: name } });
        expect(told.filter((rule) => rule !== name)).toHaveLength(1);
      }
    }
    const other = { requestParameters: { name: 'theirs', rule: 'theirs' } };
    expect(rulesFor('events', 'DisableRule', other)).toEqual([]);
  });

  it('its topic being silenced, and the trail that it hears from', () => {
    const { Topics } = resource(synthesized().vault, 'AWS::SNS::TopicPolicy');
    const [topicArn] = Topics as string[];
    const rule = ['holdfast_test_vault_alarm'];
    for (const call of ['DeleteTopic', 'SetTopicAttributes', 'RemovePermission']) {
      expect(rulesFor('sns', call, { requestParameters: { topicArn } })).toEqual(rule);
    }
    const subscriptionArn = `${topicArn}:0f1e`;
    expect(rulesFor('sns', 'Unsubscribe', { requestParameters: { subscriptionArn } })).toEqual(
      rule,
    );
    for (const call of ['StopLogging', 'DeleteTrail', 'UpdateTrail', 'PutEventSelectors']) {
      expect(rulesFor('cloudtrail', call, { requestParameters: { name: 'any' } })).toEqual(rule);
    }
  });
});

describe("the alarm's topic", () => {
  it('is reached by every rule, in words', () => {
    for (const { Targets, State } of resources(synthesized().vault, 'AWS::Events::Rule')) {
      expect(State).toBe('ENABLED');
      const [target, ...others] = Targets as Target[];
      expect(others).toEqual([]);
      expect(target?.Arn).toMatch(/^AlarmTopic/);
      // EventBridge refuses RoleArn and encryption together.
      expect(target).not.toHaveProperty('RoleArn');
      const text = target?.InputTransformer.InputTemplate ?? '';
      expect(JSON.parse(text)).toMatch(/^Holdfast: <detail-eventName> was called on \w/);
    }
  });

  it('takes what EventBridge and CloudWatch publish, encrypted with a key that they may use', () => {
    const { vault } = synthesized();
    expect(resource(vault, 'AWS::SNS::Topic')).toMatchObject({
      TopicName: 'holdfast_test_vault-alarm',
      KmsMasterKeyId: expect.stringContaining('AlarmKey'),
    });
    const { PolicyDocument } = resource(vault, 'AWS::SNS::TopicPolicy');
    const key = resource(vault, 'AWS::KMS::Key', ({ Description }) =>
      String(Description).includes('alarms'),
    );
    const publishes = (document: unknown, action: string): (string | undefined)[] =>
      (document as { Statement: Granted[] }).Statement.filter(
        ({ Effect, Action }) => Effect === 'Allow' && [Action].flat().includes(action),
      ).map(({ Principal }) => Principal?.Service);
    const services = ['events.amazonaws.com', 'cloudwatch.amazonaws.com'];
    expect(publishes(PolicyDocument, 'sns:Publish')).toEqual(services);
    expect(publishes(key.KeyPolicy, 'kms:GenerateDataKey*')).toEqual(services);
    expect(publishes(key.KeyPolicy, 'kms:Decrypt')).toEqual(services);
    expect(JSON.stringify(key.KeyPolicy)).toContain('DenyDestruction');
    expect(JSON.stringify(PolicyDocument)).toContain('"aws:SecureTransport":"false"');
  });

  it('mails those whom the environment names', () => {
    const { vault } = synthesize({ ...ENVIRONMENT, alarmEmails: ['ops@example.com'] });
    expect(resources(vault, 'AWS::SNS::Subscription')).toMatchObject([
      { Protocol: 'email', Endpoint: 'ops@example.com' },
    ]);
    const notify = ['https://example.com/hook', 'team@example.com'];
    const otherwise = synthesize({ ...ENVIRONMENT, notify }).vault;
    expect(resources(otherwise, 'AWS::SNS::Subscription')).toMatchObject([
      { Protocol: 'email', Endpoint: 'team@example.com' },
    ]);
  });
});

it('everything in the vault stack outlives it', () => {
  const types = Object.values(
    synthesized().vault.toJSON().Resources as Record<string, { Type: string }>,
  );
  for (const type of new Set(types.map(({ Type }) => Type))) {
    for (const whole of wholeResources(synthesized().vault, type)) {
      expect({ type, kept: whole.DeletionPolicy }).toEqual({ type, kept: 'Retain' });
      expect({ type, kept: whole.UpdateReplacePolicy }).toEqual({ type, kept: 'Retain' });
    }
  }
});
