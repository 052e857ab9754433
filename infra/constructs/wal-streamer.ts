import {
  AvailabilityZoneRebalancing,
  type Cluster,
  FargateService,
  type ICluster,
  PropagatedTagSource,
} from 'aws-cdk-lib/aws-ecs';
import { Construct } from 'constructs';
import { streamerName } from '../../contract/environment-names.ts';
import { EnvironmentVariable, STREAM_WAL } from '../../contract/environment-variables.ts';
import { FARGATE_STORAGE_GIB } from '../fargate-sizes.ts';
import type { ResolvedWal } from '../physical-environment.ts';
import type { LeaseTable } from './lease-table.ts';
import type { Network } from './network.ts';
import { RunnerTask, type RunnerTaskProps } from './runner-task.ts';

export interface WalStreamerProps extends Omit<RunnerTaskProps, 'family' | 'size' | 'variables'> {
  readonly wal: ResolvedWal;
  readonly ecsCluster: Cluster;
  readonly network: Network;
  readonly leaseTable: LeaseTable;
}

/** The one task that receives a cluster's WAL, for as long as the cluster is there. */
export class WalStreamer extends Construct {
  readonly task: RunnerTask;
  readonly service: FargateService;

  constructor(scope: Construct, id: string, props: WalStreamerProps) {
    super(scope, id);
    const { environment, cluster, wal, network } = props;
    const name = streamerName(environment, cluster.name);
    this.task = new RunnerTask(this, 'Task', {
      ...props,
      family: name,
      size: { ...wal, ephemeralStorageGiB: FARGATE_STORAGE_GIB.least },
      variables: {
        [EnvironmentVariable.Action]: STREAM_WAL,
        [EnvironmentVariable.LeaseTable]: props.leaseTable.table.tableName,
      },
    });
    this.service = new FargateService(this, 'Service', {
      serviceName: name,
      // The library's own class misses its interface by exactOptionalPropertyTypes alone.
      cluster: props.ecsCluster as ICluster,
      taskDefinition: this.task.taskDefinition,
      desiredCount: 1,
      // The old one ends before the new one begins: two would fight for lease and slot.
      minHealthyPercent: 0,
      maxHealthyPercent: 100,
      // It moves a task by running two for a while.
      availabilityZoneRebalancing: AvailabilityZoneRebalancing.DISABLED,
      // While the source is down the task stays up and tries again, and an alarm speaks: rolled back or
      // given up, the deployment would take the streamer away when it is needed most.
      circuitBreaker: { enable: false },
      vpcSubnets: { subnets: [...network.subnets] },
      securityGroups: [network.securityGroup],
      assignPublicIp: network.assignPublicIp,
      propagateTags: PropagatedTagSource.SERVICE,
    });
    // Its first task would find no way out to its image.
    this.service.node.addDependency(
      ...network.subnets.map((subnet) => subnet.internetConnectivityEstablished),
    );
  }
}
