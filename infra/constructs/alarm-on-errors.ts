import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';

export interface AlarmOnErrorsProps {
  readonly alarmName: string;
  readonly function: IFunction;
  /**
   * Lambda's metric. `Errors`: each call that failed. `AsyncEventsDropped`: each asynchronous one, such
   * as a schedule's, that is given up after Lambda's own retries, in whatever way it failed; who waits
   * for the answer is told of their mistake by it, and raises nothing.
   *
   * @see https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
   */
  readonly metricName: 'Errors' | 'AsyncEventsDropped';
  readonly topic: ITopic;
  /** What it means and what to do: the alarm's mail says this and little else. */
  readonly description: string;
}

/** Tells people when a function of ours failed, which is how nothing at all would be told. */
export function alarmOnErrors(scope: Construct, id: string, props: AlarmOnErrorsProps): Alarm {
  const alarm = new Alarm(scope, id, {
    alarmName: props.alarmName,
    alarmDescription: props.description,
    metric: props.function.metric(props.metricName, {
      period: Duration.minutes(5),
      statistic: 'Sum',
    }),
    threshold: 1,
    evaluationPeriods: 1,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    // Nothing was invoked.
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
  alarm.addAlarmAction(new SnsAction(props.topic));
  return alarm;
}
