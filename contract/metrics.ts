/** CloudWatch namespace of everything that Holdfast measures. */
export const METRIC_NAMESPACE = 'Holdfast';

/** Names of the metrics. Alarms and dashboards match on them. */
export const Metric = {
  /** 1 for each backup that was published, 0 for each that was not. */
  BackupsSucceeded: 'BackupsSucceeded',
  /** 1 for each task that ended without a backup, 0 for each that made one. */
  BackupsFailed: 'BackupsFailed',
  /** 1 where another attempt was scheduled by itself. */
  BackupsRetried: 'BackupsRetried',
  /** From the start of the task's container to its end; absent when it never started. Seconds. */
  BackupSeconds: 'BackupSeconds',
  /** Position up to which all WAL is in the vault, from the start of the server's history. Bytes. */
  WalArchivedBytes: 'WalArchivedBytes',
  /** How much WAL the server has beyond that. Bytes. */
  WalLagBytes: 'WalLagBytes',
  /** Since when the server has had WAL that the vault does not hold; 0: none. Seconds. */
  WalLagSeconds: 'WalLagSeconds',
  /** Places where WAL is missing that the streamer has found since it last said so; each is said once. */
  WalGaps: 'WalGaps',
  /** 1 where another server has answered as a primary, beside the one that is streamed from, since the last line. */
  WalTwoPrimaries: 'WalTwoPrimaries',
  /** 1 while the streamer receives WAL, 0 while it tries to. */
  WalStreaming: 'WalStreaming',
  /** WAL that the cluster's slot holds back, on the server where it is most. Bytes. */
  WalRetainedBytes: 'WalRetainedBytes',
  /** The same as a part of `max_slot_wal_keep_size`; 0 on a server without that limit. Percent. */
  WalRetainedPercent: 'WalRetainedPercent',
  /** Servers whose slot has lost WAL, or was dropped before the disk filled up. */
  WalSlotsLost: 'WalSlotsLost',
  /** Servers that could not be asked how much they hold back. */
  WalServersUnseen: 'WalServersUnseen',
} as const;

export type Metric = (typeof Metric)[keyof typeof Metric];

/** What the metrics of WAL are told apart by. */
export const WAL_METRIC_DIMENSIONS = ['Environment', 'Cluster'] as const;

/** What each metric of a backup is told apart by. */
export const MetricDimension = {
  Environment: 'Environment',
  Cluster: 'Cluster',
  Kind: 'Kind',
} as const;

export interface MetricLine {
  /** Told apart by these, in their order. */
  readonly dimensions: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, number>>;
  /** CloudWatch's names of them. @default 'Count' */
  readonly units?: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/**
 * Fields of a line of a log that CloudWatch makes metrics of.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function metricFields({ dimensions, values, units = {}, at }: MetricLine) {
  return {
    _aws: {
      Timestamp: at,
      CloudWatchMetrics: [
        {
          Namespace: METRIC_NAMESPACE,
          Dimensions: [Object.keys(dimensions)],
          Metrics: Object.keys(values).map((Name) => ({ Name, Unit: units[Name] ?? 'Count' })),
        },
      ],
    },
    ...dimensions,
    ...values,
  };
}
