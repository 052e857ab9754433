import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  type AlarmProps,
  Metric as CloudWatchMetric,
  ComparisonOperator,
  MathExpression,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { resourceName } from '../../contract/environment-names.ts';
import { METRIC_NAMESPACE, Metric, WAL_METRIC_DIMENSIONS } from '../../contract/metrics.ts';
import type { WalOptions } from '../../contract/physical-options.ts';
import { PROBE_MINUTES } from './wal-probe.ts';

/** Of `max_slot_wal_keep_size`: beyond it the server may soon remove what the vault does not hold. */
const HALF_PERCENT = 50;

const MIB = 1024 * 1024;

/** What the streamer says comes all the time. Minutes. */
const STREAMER_PERIOD = 5;
/** What the probe says comes at least once in it, whenever exactly it starts. Minutes. */
const PROBE_PERIOD = 2 * PROBE_MINUTES;
/** For so many periods in a row: a server that is restarted is no reason yet. */
const PERIODS = 2;

/** So much later than it was written WAL may come into the vault, S3's bad minutes included. Seconds. */
const LAG_SECONDS = 300;
/** Where increments are rare, so many of them. */
const LAG_INCREMENTS = 10;

export interface WalAlarmsProps {
  readonly environment: string;
  readonly cluster: string;
  readonly wal: WalOptions;
  readonly topic: ITopic;
}

/** Tells people when a cluster's WAL does not reach the vault, or fills a server's disk. */
export class WalAlarms extends Construct {
  private readonly props: WalAlarmsProps;

  constructor(scope: Construct, id: string, props: WalAlarmsProps) {
    super(scope, id);
    this.props = props;
    const { retainedAlarmMiB, incrementSeconds } = props.wal;
    const is = `WAL of ${props.cluster} (${props.environment}):`;
    const usingMetrics = {
      bytes: this.metric(Metric.WalRetainedBytes, PROBE_PERIOD),
      percent: this.metric(Metric.WalRetainedPercent, PROBE_PERIOD),
    };
    const beyond = `IF(bytes >= ${retainedAlarmMiB * MIB} OR percent >= ${HALF_PERCENT}, 1, 0)`;
    this.add('Retained', 'wal-retained', {
      alarmDescription: `${is} a server holds back ${retainedAlarmMiB} MiB or more, or half of max_slot_wal_keep_size. Its disk fills up, or WAL is lost soon. See why the streamer does not get on (docs/notifications.md).`,
      metric: new MathExpression({
        expression: beyond,
        usingMetrics,
        period: Duration.minutes(PROBE_PERIOD),
      }),
    });
    this.add('Lost', 'wal-slot-lost', {
      alarmDescription: `${is} a slot has lost WAL, or was dropped before a disk filled up. What the vault lacks cannot be recovered: take a full physical backup once the streamer runs (docs/notifications.md).`,
      metric: this.metric(Metric.WalSlotsLost, PROBE_PERIOD),
    });
    this.add('Gap', 'wal-gap', {
      alarmDescription: `${is} there is a gap in the vault. Nothing after it can be recovered until the next base backup: take a full physical backup (docs/notifications.md).`,
      metric: this.metric(Metric.WalGaps, STREAMER_PERIOD),
    });
    this.add('TwoPrimaries', 'wal-two-primaries', {
      alarmDescription: `${is} two servers answer as primaries. One is streamed from; what the other writes does not get into the vault. The streamer's log names both: one of them has to go (docs/notifications.md).`,
      metric: this.metric(Metric.WalTwoPrimaries, STREAMER_PERIOD),
    });
    this.add('Silent', 'wal-silent', {
      alarmDescription: `${is} nothing has been streamed for ${PERIODS * STREAMER_PERIOD} minutes. Its log says why the streamer tries in vain; without a log look at the ECS service (docs/notifications.md).`,
      // 1 while WAL is received; and no word at all is as bad as 0.
      metric: this.metric(Metric.WalStreaming, STREAMER_PERIOD),
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: PERIODS,
      treatMissingData: TreatMissingData.BREACHING,
    });
    const lag = Math.max(LAG_SECONDS, LAG_INCREMENTS * incrementSeconds);
    this.add('Behind', 'wal-behind', {
      alarmDescription: `${is} for ${PERIODS * STREAMER_PERIOD} minutes the vault has lacked what the server wrote ${lag} seconds before. Its log says what the vault refuses; else the streamer is too slow (docs/notifications.md).`,
      // A server that writes nothing has none, however long it does so.
      metric: this.metric(Metric.WalLagSeconds, STREAMER_PERIOD),
      threshold: lag,
      evaluationPeriods: PERIODS,
    });
    this.add('Unseen', 'wal-unseen', {
      alarmDescription: `${is} for ${PERIODS * PROBE_PERIOD} minutes it has not been known how much a server holds back: it did not answer, or the probe did not run (docs/notifications.md).`,
      metric: this.metric(Metric.WalServersUnseen, PROBE_PERIOD),
      evaluationPeriods: PERIODS,
      treatMissingData: TreatMissingData.BREACHING,
    });
  }

  private add(
    id: string,
    name: string,
    props: Partial<AlarmProps> & Pick<AlarmProps, 'alarmDescription' | 'metric'>,
  ): void {
    const { environment, cluster, topic } = this.props;
    const alarm = new Alarm(this, id, {
      alarmName: resourceName(environment, name, cluster),
      threshold: 1,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      // Whoever should have measured is watched by alarms of their own.
      treatMissingData: TreatMissingData.NOT_BREACHING,
      ...props,
    });
    alarm.addAlarmAction(new SnsAction(topic));
  }

  private metric(metricName: Metric, minutes: number): CloudWatchMetric {
    const [Environment, Cluster] = WAL_METRIC_DIMENSIONS;
    const { environment, cluster } = this.props;
    return new CloudWatchMetric({
      namespace: METRIC_NAMESPACE,
      metricName,
      dimensionsMap: { [Environment]: environment, [Cluster]: cluster },
      statistic: 'Maximum',
      period: Duration.minutes(minutes),
    });
  }
}
