import { Metric, metricFields, WAL_METRIC_DIMENSIONS } from '../../../contract/metrics.ts';
import { keptPercent, type SlotFacts, type SlotVerdict } from './retention-plan.ts';

/** What came of one server. */
export interface ProbedServer {
  /** Absent: it could not be asked. */
  readonly seen?: { readonly facts: SlotFacts; readonly verdict: SlotVerdict };
}

/**
 * Fields of the line of the log that CloudWatch makes metrics of. Where no server could be asked, what is
 * held back is not known, and not told.
 */
export function probeMetrics(
  servers: readonly ProbedServer[],
  { environment, cluster }: { readonly environment: string; readonly cluster: string },
  now: Date,
): Record<string, unknown> {
  const seen = servers.flatMap((server) => server.seen ?? []);
  const gone = seen.filter(({ verdict }) => verdict === 'lost' || verdict === 'drop');
  const values = {
    [Metric.WalServersUnseen]: servers.length - seen.length,
    ...(seen.length === 0
      ? {}
      : {
          [Metric.WalRetainedBytes]: Math.max(...seen.map(({ facts }) => facts.retainedBytes)),
          [Metric.WalRetainedPercent]: Math.max(...seen.map(({ facts }) => keptPercent(facts))),
          [Metric.WalSlotsLost]: gone.length,
        }),
  };
  const units: Readonly<Record<string, string>> = {
    [Metric.WalRetainedBytes]: 'Bytes',
    [Metric.WalRetainedPercent]: 'Percent',
  };
  const [Environment, Cluster] = WAL_METRIC_DIMENSIONS;
  const dimensions = { [Environment]: environment, [Cluster]: cluster };
  return metricFields({ dimensions, values, units, at: now.getTime() });
}
