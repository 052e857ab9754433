import { Annotations } from 'aws-cdk-lib';
import type { Cluster } from 'aws-cdk-lib/aws-ecs';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { type ResolvedWal, walOptions } from '../physical-environment.ts';
import type { ResolvedCluster } from '../resolved-environment.ts';
import type { ScheduleGroup } from './backup-schedule.ts';
import type { LeaseTable } from './lease-table.ts';
import type { Network } from './network.ts';
import type { RunnerTaskProps } from './runner-task.ts';
import { WalAlarms } from './wal-alarms.ts';
import { WalProbe } from './wal-probe.ts';
import { WalStreamer } from './wal-streamer.ts';

export interface ClusterWalProps extends Omit<RunnerTaskProps, 'family' | 'size' | 'variables'> {
  readonly wal: ResolvedWal;
  readonly ecsCluster: Cluster;
  readonly network: Network;
  readonly leaseTable: LeaseTable;
  readonly schedules: ScheduleGroup;
  /** Where alarms go. */
  readonly topic: ITopic;
}

/** All that a cluster has whose WAL is streamed: who streams it, who looks after that, and who is told. */
export class ClusterWal extends Construct {
  constructor(scope: Construct, id: string, props: ClusterWalProps) {
    super(scope, id);
    const { environment, cluster, topic } = props;
    warnAboutMissingBase(this, cluster);
    new WalStreamer(this, 'Streamer', props);
    new WalProbe(this, 'Probe', props);
    new WalAlarms(this, 'Alarms', {
      ...{ environment, topic },
      cluster: cluster.name,
      wal: walOptions(props.wal),
    });
  }
}

/** A warning at synth, not an error: base backups may also be taken on request. */
function warnAboutMissingBase(scope: Construct, { name, schedules }: ResolvedCluster): void {
  if (schedules.some(({ kind }) => kind === 'physical')) return;
  Annotations.of(scope).addWarningV2(
    'holdfast:wal-without-base',
    `${name} streams its WAL and has no schedule of kind physical: without a base backup it cannot be recovered from. Give it one, such as { name: 'weekly', kind: 'physical', cron: '0 1 ? * SUN *' }.`,
  );
}
