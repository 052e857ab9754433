import { Metric, MetricDimension, metricFields } from '../../contract/metrics.ts';
import type { Verdict } from '../../contract/verdict.ts';
import type { StoppedTask } from './stopped-task.ts';

/**
 * One line of the log that CloudWatch makes metrics of, with what a person who searches the log wants
 * to know beside them.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function metricsLine(
  task: StoppedTask,
  verdict: Verdict,
  retried: boolean,
  environment: string,
  now: Date,
): string {
  const { taskArn, label, exitCode, startedAt, stoppedAt, request } = task;
  const seconds =
    startedAt === undefined || stoppedAt === undefined
      ? undefined
      : (stoppedAt.getTime() - startedAt.getTime()) / 1000;
  const values = {
    [Metric.BackupsSucceeded]: verdict.succeeded ? 1 : 0,
    [Metric.BackupsFailed]: verdict.succeeded ? 0 : 1,
    [Metric.BackupsRetried]: retried ? 1 : 0,
    ...(seconds === undefined ? {} : { [Metric.BackupSeconds]: seconds }),
  };
  const dimensions = {
    [MetricDimension.Environment]: environment,
    [MetricDimension.Cluster]: task.cluster,
    [MetricDimension.Kind]: request?.kind ?? 'unknown',
  };
  const units = { [Metric.BackupSeconds]: 'Seconds' };
  return JSON.stringify({
    ...metricFields({ dimensions, values, units, at: now.getTime() }),
    ...{ label, taskArn, exitCode, attempt: request?.attempt },
    ...(verdict.succeeded ? {} : { cause: verdict.cause, codes: verdict.codes }),
  });
}
