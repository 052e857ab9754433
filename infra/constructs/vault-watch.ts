import type { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { keyRuleName, vaultRuleName } from '../../contract/environment-names.ts';
import type { AlarmTopic } from './alarm-topic.ts';
import { ApiCallRule, type ApiCalls } from './api-call-rule.ts';

/** What loses a key, takes it out of use, or gives its use to somebody else. CloudTrail's names. */
const CALLS_ON_KEYS = [
  'CreateGrant',
  'DeleteAlias',
  'DeleteImportedKeyMaterial',
  'DisableKey',
  'DisableKeyRotation',
  'PutKeyPolicy',
  'ReEncrypt',
  'ReplicateKey',
  'ScheduleKeyDeletion',
  // The restore role decrypts under the keys that bear its environment's tag.
  'TagResource',
  'UntagResource',
  'UpdateAlias',
  'UpdatePrimaryRegion',
];

/** What changes who may do what to the bucket, and what it keeps. CloudTrail's names. */
const CALLS_ON_THE_BUCKET = [
  'DeleteBucket',
  'DeleteBucketEncryption',
  'DeleteBucketLifecycle',
  'DeleteBucketOwnershipControls',
  'DeleteBucketPolicy',
  'DeleteBucketPublicAccessBlock',
  'DeleteBucketReplication',
  'PutBucketAcl',
  'PutBucketEncryption',
  'PutBucketLifecycle',
  'PutBucketLifecycleConfiguration',
  'PutBucketObjectLockConfiguration',
  'PutBucketOwnershipControls',
  'PutBucketPolicy',
  'PutBucketPublicAccessBlock',
  'PutBucketReplication',
  'PutBucketVersioning',
];

const ADVICE =
  'If this is neither a deployment of yours nor a person you know, act now: the README says how, under "The alarm of the vault".';

export interface VaultWatchProps {
  readonly environment: string;
  readonly bucketName: string;
  readonly topic: AlarmTopic;
}

/** The rules that tell of whoever lays hands on the vault: its bucket, and the alarm itself. */
export class VaultWatch extends Construct {
  constructor(scope: Construct, id: string, props: VaultWatchProps) {
    super(scope, id);
    const { environment, bucketName, topic } = props;
    const overBucket = vaultRuleName(environment, 'bucket');
    const overKey = vaultRuleName(environment, 'key');
    const overAlarm = vaultRuleName(environment, 'alarm');
    new ApiCallRule(this, 'Bucket', {
      ruleName: overBucket,
      description: `Holdfast ${environment}: tells of changes to the vault's bucket`,
      calls: [
        {
          eventSource: ['s3.amazonaws.com'],
          eventName: CALLS_ON_THE_BUCKET,
          about: { requestParameters: { bucketName: [bucketName] } },
        },
        // The rule that watches all others is watched by this one.
        ...callsOnRules([overAlarm]),
      ],
      topic,
      subject: `the vault of ${environment} (${bucketName})`,
      advice: ADVICE,
    });
    new ApiCallRule(this, 'Alarm', {
      ruleName: overAlarm,
      description: `Holdfast ${environment}: tells of whoever silences its alarms`,
      calls: [
        ...callsOnRules([overBucket, overKey, { prefix: keyRuleName(environment, '') }]),
        ...callsOnTopic(topic.topic.topicArn),
        {
          eventSource: ['cloudtrail.amazonaws.com'],
          eventName: ['DeleteTrail', 'PutEventSelectors', 'StopLogging', 'UpdateTrail'],
          about: {},
        },
      ],
      topic,
      subject: `what raises the alarms of ${environment}`,
      advice: ADVICE,
    });
    new KeyWatch(this, 'Key', {
      environment,
      ruleName: overKey,
      key: topic.key,
      topic,
      subject: `the key of the alarms of ${environment}`,
      atStake: 'Without this key no alarm about the vault reaches anybody.',
    });
  }
}

export interface KeyWatchProps {
  readonly environment: string;
  readonly ruleName: string;
  readonly key: Key;
  readonly topic: AlarmTopic;
  /** Whose key it is, for a person. */
  readonly subject: string;
  /** What is lost with it, for a person. A sentence. */
  readonly atStake: string;
}

/** The rule over one key. One each, so that a cluster's outlives its entry in the file. */
export class KeyWatch extends Construct {
  constructor(scope: Construct, id: string, props: KeyWatchProps) {
    super(scope, id);
    const { environment, ruleName, key, topic, subject, atStake } = props;
    new ApiCallRule(this, 'Calls', {
      ruleName,
      description: `Holdfast ${environment}: tells of threats to ${subject}`,
      calls: [
        {
          eventSource: ['kms.amazonaws.com'],
          eventName: CALLS_ON_KEYS,
          about: { resources: { ARN: [key.keyArn] } },
        },
      ],
      topic,
      subject,
      advice: `${atStake} KMS waits for 7 days at least before a key is gone. ${ADVICE}`,
    });
  }
}

function callsOnRules(names: readonly unknown[]): ApiCalls[] {
  const eventSource = ['events.amazonaws.com'];
  return [
    {
      eventSource,
      eventName: ['DeleteRule', 'DisableRule', 'PutRule'],
      about: { requestParameters: { name: names } },
    },
    {
      eventSource,
      eventName: ['PutTargets', 'RemoveTargets'],
      about: { requestParameters: { rule: names } },
    },
  ];
}

function callsOnTopic(arn: string): ApiCalls[] {
  const eventSource = ['sns.amazonaws.com'];
  return [
    {
      eventSource,
      eventName: ['AddPermission', 'DeleteTopic', 'RemovePermission', 'SetTopicAttributes'],
      about: { requestParameters: { topicArn: [arn] } },
    },
    {
      eventSource,
      eventName: ['Unsubscribe'],
      about: { requestParameters: { subscriptionArn: [{ prefix: arn }] } },
    },
  ];
}
