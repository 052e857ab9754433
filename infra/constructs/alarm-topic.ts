import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  AccountRootPrincipal,
  AnyPrincipal,
  Effect,
  PolicyDocument,
  PolicyStatement,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Subscription, SubscriptionProtocol, Topic, TopicPolicy } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { resourceName, vaultAlarmName } from '../../contract/environment-names.ts';
import { ADMINISTRATION, DESTRUCTION, keyStatement } from './key-statements.ts';

export interface AlarmTopicProps {
  readonly environment: string;
  /** Mail addresses that are told; each has to confirm. */
  readonly emails: readonly string[];
}

/**
 * Where alarms about the vault go, with a key of its own: services may not publish to a topic under
 * `alias/aws/sns`. Both outlive the stack, as the vault does.
 */
export class AlarmTopic extends Construct {
  readonly topic: Topic;
  readonly key: Key;

  constructor(scope: Construct, id: string, props: AlarmTopicProps) {
    super(scope, id);
    const { environment } = props;
    this.key = new Key(this, 'Key', {
      description: `Holdfast ${environment}: alarms about the vault on their way`,
      enableKeyRotation: true,
      policy: new PolicyDocument({ statements: keyStatements() }),
      removalPolicy: RemovalPolicy.RETAIN,
    });
    // Three parts: a cluster's alias has two, so none can take this name.
    this.key
      .addAlias(`alias/${resourceName(environment, 'vault', 'alarm')}`)
      .applyRemovalPolicy(RemovalPolicy.RETAIN);
    this.topic = new Topic(this, 'Topic', {
      topicName: vaultAlarmName(environment),
      displayName: `Holdfast ${environment}`,
      masterKey: this.key,
    });
    this.topic.applyRemovalPolicy(RemovalPolicy.RETAIN);
    const policy = new TopicPolicy(this, 'Policy', {
      topics: [this.topic],
      policyDocument: new PolicyDocument({ statements: this.topicStatements() }),
      enforceSSL: true,
    });
    // Without its policy a topic that outlives the stack would take no alarm.
    policy.applyRemovalPolicy(RemovalPolicy.RETAIN);
    for (const endpoint of props.emails) {
      new Subscription(this, `Mail-${endpoint}`, {
        topic: this.topic,
        protocol: SubscriptionProtocol.EMAIL,
        endpoint,
      });
    }
  }

  private topicStatements(): PolicyStatement[] {
    const publish = { actions: ['sns:Publish'], resources: [this.topic.topicArn] };
    const { account } = Stack.of(this);
    return [
      // Without a condition: AWS says of EventBridge that aws:SourceAccount and aws:SourceArn are not
      // supported in the policy of an encrypted topic's key, and promises neither for the topic's own.
      // Were one not sent, alarms would be refused in silence. So rules of other accounts are kept away
      // by nothing but not knowing the topic; what they publish says whose it is in no word of ours.
      new PolicyStatement({ sid: 'AllowRules', principals: [EVENTS], ...publish }),
      new PolicyStatement({
        sid: 'AllowAlarms',
        principals: [CLOUDWATCH],
        ...publish,
        conditions: { StringEquals: { 'aws:SourceAccount': account } },
      }),
    ];
  }
}

const EVENTS = new ServicePrincipal('events.amazonaws.com');
const CLOUDWATCH = new ServicePrincipal('cloudwatch.amazonaws.com');

/** What a service needs to publish to a topic that is encrypted. */
const PUBLISHING = ['kms:Decrypt', 'kms:GenerateDataKey*'];

/** @see https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html */
function keyStatements(): PolicyStatement[] {
  return [
    keyStatement('AllowAdministration', Effect.ALLOW, ADMINISTRATION, new AccountRootPrincipal()),
    keyStatement('AllowRules', Effect.ALLOW, PUBLISHING, EVENTS),
    keyStatement('AllowAlarms', Effect.ALLOW, PUBLISHING, CLOUDWATCH),
    keyStatement('DenyDestruction', Effect.DENY, DESTRUCTION, new AnyPrincipal()),
  ];
}
