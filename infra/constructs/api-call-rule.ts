import { RemovalPolicy } from 'aws-cdk-lib';
import { EventField, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { Construct } from 'constructs';
import type { AlarmTopic } from './alarm-topic.ts';

/** Calls to AWS that are told of, as CloudTrail records them. */
export interface ApiCalls {
  /** Service, such as `kms.amazonaws.com`. */
  readonly eventSource: readonly string[];
  /** CloudTrail's names, which are not always the actions'. */
  readonly eventName: readonly string[];
  /** What the calls are about, as a part of EventBridge's pattern. */
  readonly about: Readonly<Record<string, unknown>>;
}

export interface ApiCallRuleProps {
  /** Fixed, so that other rules can watch this one. */
  readonly ruleName: string;
  readonly description: string;
  /** Any of these raises the alarm. */
  readonly calls: readonly ApiCalls[];
  readonly topic: AlarmTopic;
  /** What the calls are about, for a person: `the key of orders`. */
  readonly subject: string;
  /** What is at stake and what to do, for a person. Sentences. */
  readonly advice: string;
}

/**
 * Tells of calls to AWS within seconds, attempts that were refused included. EventBridge hears of calls
 * only where a CloudTrail trail records management events. The rule outlives the stack.
 *
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
 */
export class ApiCallRule extends Construct {
  constructor(scope: Construct, id: string, props: ApiCallRuleProps) {
    super(scope, id);
    const patterns = props.calls.map(({ about, ...call }) => ({ ...call, ...about }));
    const rule = new Rule(this, 'Rule', {
      ruleName: props.ruleName,
      description: props.description,
      eventPattern: {
        detailType: ['AWS API Call via CloudTrail'],
        detail: patterns.length === 1 ? { ...patterns[0] } : { $or: patterns },
      },
    });
    // Not the library's target: the topic's own policy admits the service once, for all rules.
    rule.addTarget({
      bind: () => ({
        arn: props.topic.topic.topicArn,
        input: RuleTargetInput.fromText(textOf(props)),
      }),
    });
    rule.applyRemovalPolicy(RemovalPolicy.RETAIN);
  }
}

/** One line: SNS gives a mail no subject of ours. What an event lacks stays empty. */
function textOf({ subject, advice }: ApiCallRuleProps): string {
  const field = (path: string): string => EventField.fromPath(`$.detail.${path}`);
  return [
    `Holdfast: ${field('eventName')} was called on ${subject},`,
    `by ${field('userIdentity.arn')} from ${field('sourceIPAddress')} at ${field('eventTime')}.`,
    `Refused with: ${field('errorCode')} (nothing there: it went through).`,
    advice,
    `CloudTrail's event is ${field('eventID')} in ${field('awsRegion')}.`,
  ].join(' ');
}
