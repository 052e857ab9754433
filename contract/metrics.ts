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
} as const;

export type Metric = (typeof Metric)[keyof typeof Metric];

/** What each metric is told apart by. */
export const MetricDimension = {
  Environment: 'Environment',
  Cluster: 'Cluster',
  Kind: 'Kind',
} as const;
