import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription, UrlSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { topicName } from '../../contract/environment-names.ts';

export interface NotificationsProps {
  readonly environment: string;
  /** Who is told: mail addresses, and HTTPS URLs. */
  readonly notify: readonly string[];
}

/**
 * The topic through which people hear of what went wrong. Its key is the customer's, because no
 * service may publish to a topic that is encrypted by AWS's own key.
 */
export class Notifications extends Construct {
  readonly key: Key;
  readonly topic: Topic;

  constructor(scope: Construct, id: string, props: NotificationsProps) {
    super(scope, id);
    this.key = new Key(this, 'Key', {
      description: `Holdfast ${props.environment}: notifications`,
      enableKeyRotation: true,
      // Nothing is kept under it: a message is gone once it was delivered.
      removalPolicy: RemovalPolicy.DESTROY,
      pendingWindow: Duration.days(7),
    });
    this.topic = new Topic(this, 'Topic', {
      topicName: topicName(props.environment),
      // The sender's name in mails.
      displayName: `Holdfast ${props.environment}`,
      masterKey: this.key,
      enforceSSL: true,
    });
    this.admitAlarms();
    for (const receiver of props.notify) {
      this.topic.addSubscription(
        receiver.startsWith('https://')
          ? new UrlSubscription(receiver)
          : new EmailSubscription(receiver),
      );
    }
  }

  /** They come under the service's own name, and not under a role of ours. Nothing else does. */
  private admitAlarms(): void {
    const alarms = {
      sid: 'AllowAlarms',
      principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
    };
    this.topic.addToResourcePolicy(
      new PolicyStatement({
        ...alarms,
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
      }),
    );
    this.key.addToResourcePolicy(
      new PolicyStatement({
        ...alarms,
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        resources: ['*'],
      }),
    );
  }
}
