import { fileURLToPath } from 'node:url';
import { Duration, Validations } from 'aws-cdk-lib';
import { Platform } from 'aws-cdk-lib/aws-ecr-assets';
import {
  Capability,
  ContainerImage,
  CpuArchitecture,
  FargateTaskDefinition,
  LinuxParameters,
  LogDriver,
  OperatingSystemFamily,
} from 'aws-cdk-lib/aws-ecs';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { buildClusterOptions } from '../../contract/cluster-options.ts';
import { EnvironmentVariable, RUNNER_CONTAINER } from '../../contract/environment-variables.ts';
import type { LockMode } from '../../contract/names.ts';
import {
  BuildArgument,
  NODE_IMAGE,
  type PostgresMajor,
  postgresMajor,
  SNAPSHOT_DATE,
} from '../../contract/postgres-majors.ts';
import { FARGATE_STORAGE_GIB } from '../fargate-sizes.ts';
import { walOptions } from '../physical-environment.ts';
import type { ResolvedCluster } from '../resolved-environment.ts';

const IMAGE_DIRECTORY = fileURLToPath(new URL('../../containers/postgres/', import.meta.url));

/** Absolute path of the spool, as the image declares it: elsewhere it would belong to root. */
const SPOOL_DIRECTORY = '/spool';

/** Fargate's longest time between SIGTERM and SIGKILL. */
const STOP_TIMEOUT = Duration.seconds(120);

/** What Fargate gives a task. */
export interface TaskSize {
  readonly vCpu: number;
  readonly memoryMiB: number;
  /** Disk, shared by the image and the spool. GiB. */
  readonly ephemeralStorageGiB: number;
}

export interface RunnerTaskProps {
  readonly environment: string;
  readonly cluster: ResolvedCluster;
  readonly family: string;
  readonly size: TaskSize;
  readonly bucketName: string;
  readonly kmsKeyArn: string;
  readonly ecsClusterArn: string;
  /** Name of the secret with the connection URIs. */
  readonly secretName: string;
  readonly lockMode: LockMode;
  readonly taskRole: IRole;
  readonly executionRole: IRole;
  readonly logGroup: ILogGroup;
  /** Variables besides those that every task of the cluster has. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** A task definition of one cluster: its size, its image and everything the runner is told. */
export class RunnerTask extends Construct {
  readonly taskDefinition: FargateTaskDefinition;

  constructor(scope: Construct, id: string, props: RunnerTaskProps) {
    super(scope, id);
    const { cluster, size } = props;
    const arm = cluster.architecture === 'arm64';
    this.taskDefinition = new FargateTaskDefinition(this, 'Definition', {
      family: props.family,
      cpu: size.vCpu * 1024,
      memoryLimitMiB: size.memoryMiB,
      // 20 GiB come with every task, and Fargate refuses to be asked for them.
      ...(size.ephemeralStorageGiB > FARGATE_STORAGE_GIB.least
        ? { ephemeralStorageGiB: size.ephemeralStorageGiB }
        : {}),
      runtimePlatform: {
        cpuArchitecture: arm ? CpuArchitecture.ARM64 : CpuArchitecture.X86_64,
        operatingSystemFamily: OperatingSystemFamily.LINUX,
      },
      taskRole: props.taskRole,
      executionRole: props.executionRole,
      volumes: [{ name: 'spool' }],
    });
    const linuxParameters = new LinuxParameters(this, 'Linux');
    linuxParameters.dropCapabilities(Capability.ALL);
    const container = this.taskDefinition.addContainer(RUNNER_CONTAINER, {
      image: ContainerImage.fromAsset(IMAGE_DIRECTORY, {
        platform: arm ? Platform.LINUX_ARM64 : Platform.LINUX_AMD64,
        buildArgs: imageArguments(postgresMajor(cluster.postgresMajor), SNAPSHOT_DATE),
      }),
      cpu: size.vCpu * 1024,
      memoryLimitMiB: size.memoryMiB,
      readonlyRootFilesystem: true,
      linuxParameters,
      stopTimeout: STOP_TIMEOUT,
      logging: LogDriver.awsLogs({ logGroup: props.logGroup, streamPrefix: cluster.name }),
      environment: { ...taskVariables(props), ...props.variables },
    });
    container.addMountPoints({
      sourceVolume: 'spool',
      containerPath: SPOOL_DIRECTORY,
      readOnly: false,
    });
    Validations.of(this.taskDefinition).acknowledge({
      id: 'AwsSolutions-ECS2',
      reason: 'The variables hold names and sizes; the connection URIs are fetched at run time.',
    });
  }
}

/** What an image is made of: all of it is in the image's hash, so a change makes it anew. */
export function imageArguments(
  { image }: Pick<PostgresMajor, 'image'>,
  snapshotDate: string,
): Record<string, string> {
  return {
    [BuildArgument.PostgresImage]: image,
    [BuildArgument.NodeImage]: NODE_IMAGE,
    [BuildArgument.SnapshotDate]: snapshotDate,
  };
}

function taskVariables(props: RunnerTaskProps): Record<string, string> {
  const { cluster } = props;
  return {
    [EnvironmentVariable.Environment]: props.environment,
    [EnvironmentVariable.Cluster]: cluster.name,
    [EnvironmentVariable.SecretId]: props.secretName,
    [EnvironmentVariable.VaultBucket]: props.bucketName,
    [EnvironmentVariable.KmsKeyArn]: props.kmsKeyArn,
    [EnvironmentVariable.EcsCluster]: props.ecsClusterArn,
    [EnvironmentVariable.SpoolDirectory]: SPOOL_DIRECTORY,
    [EnvironmentVariable.ClusterOptions]: buildClusterOptions({
      postgresMajor: cluster.postgresMajor,
      allowPrimary: cluster.allowPrimary,
      maxReplayLagSeconds: cluster.maxReplayLagSeconds,
      pauseReplay: cluster.pauseReplay,
      unknownLag: cluster.unknownLag,
      retryPauseSeconds: cluster.retryPauseSeconds,
      jobs: cluster.jobs,
      compression: cluster.compression,
      spoolCapMiB: cluster.spoolCapMiB,
      maxDurationMinutes: cluster.maxDurationMinutes,
      stallMinutes: cluster.stallMinutes,
      maxRateMiBPerSecond: cluster.maxRateMiBPerSecond,
      retentionDays: cluster.retention.days,
      lockMode: props.lockMode,
      logical: cluster.logical,
      physical: cluster.physical,
      wal: cluster.wal === undefined ? null : walOptions(cluster.wal),
    }),
  };
}
