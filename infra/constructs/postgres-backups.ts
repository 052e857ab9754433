import { Annotations, ArnFormat, CfnOutput, Stack, Tags, Validations } from 'aws-cdk-lib';
import { Cluster, ContainerInsights } from 'aws-cdk-lib/aws-ecs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { ParameterTier, StringParameter } from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import {
  clusterStateName,
  EnvironmentTag,
  resourceName,
  taskFamily,
} from '../../contract/environment-names.ts';
import type { ClusterState } from '../../contract/parameters.ts';
import { checkBackups } from '../check-backups.ts';
import { NOTIFICATION_DEFAULTS, type NotificationOptions } from '../check-notifications.ts';
import type { ClusterEnvironment } from '../environment.ts';
import { resolveClusters } from '../resolve-clusters.ts';
import type { ResolvedCluster } from '../resolved-environment.ts';
import { withoutUndefined } from '../without-undefined.ts';
import { BackupRole } from './backup-role.ts';
import { BackupSchedule, ScheduleGroup } from './backup-schedule.ts';
import { ClusterWal } from './cluster-wal.ts';
import { ExecutionRole } from './execution-role.ts';
import { LeaseTable } from './lease-table.ts';
import { Network, type NetworkProps } from './network.ts';
import { Notifications } from './notifications.ts';
import type { PostgresVault } from './postgres-vault.ts';
import { RestoreRole } from './restore-role.ts';
import { RunnerTask, type RunnerTaskProps } from './runner-task.ts';
import { StartTaskFunction } from './start-task-function.ts';
import { TaskStoppedFunction } from './task-stopped-function.ts';
import { watchFunctions } from './watch-functions.ts';

export interface PostgresBackupsProps extends NetworkProps, NotificationOptions {
  /** Where the backups go. In this construct's stack, or in one that is deployed before it. */
  readonly vault: PostgresVault;
  /** The servers to back up, one or more. */
  readonly clusters: readonly ClusterEnvironment[];
  /**
   * How long logs are kept. Days, one of the values that CloudWatch Logs offers.
   * @default 90
   */
  readonly logRetentionDays?: number;
}

interface ClusterBackups {
  readonly task: RunnerTask;
  readonly role: BackupRole;
  readonly retired: boolean;
  readonly logGroup: LogGroup;
  /** What all tasks of the cluster have in common. */
  readonly ofTasks: Omit<RunnerTaskProps, 'family' | 'size' | 'logGroup'>;
}

/**
 * Everything that runs for an environment: tasks, functions, schedules and the roles they have. It can
 * be deleted and deployed again without touching a backup.
 *
 * @throws EnvironmentError naming each wrong property of a cluster, the value found and the fix.
 */
export class PostgresBackups extends Construct {
  readonly network: Network;
  readonly restoreRole: RestoreRole;
  readonly startTask: StartTaskFunction;
  readonly notifications: Notifications;
  readonly taskStopped: TaskStoppedFunction;
  private readonly vault: PostgresVault;
  private readonly ecsCluster: Cluster;
  private readonly executionRole: ExecutionRole;
  /** Absent where nobody's WAL is streamed. */
  private readonly leaseTable: LeaseTable | undefined;
  private readonly logRetention: RetentionDays;

  constructor(scope: Construct, id: string, props: PostgresBackupsProps) {
    super(scope, id);
    const { vault } = props;
    const environment = vault.environmentName;
    checkBackups(props);
    const clusters = resolveClusters(props.clusters, vault);
    this.vault = vault;
    this.logRetention = props.logRetentionDays ?? RetentionDays.THREE_MONTHS;
    this.network = new Network(this, 'Network', props);
    if (this.network.egressAddresses.length > 0) {
      new CfnOutput(this, 'EgressAddresses', {
        description: 'Tasks come from here: allow it to connect to PostgreSQL',
        value: this.network.egressAddresses.join(', '),
      });
    }
    new CfnOutput(this, 'TaskSecurityGroup', {
      description:
        'Tasks are in this security group: let it in where PostgreSQL runs in the same VPC',
      value: this.network.securityGroup.securityGroupId,
    });
    this.ecsCluster = new Cluster(this, 'Cluster', {
      clusterName: resourceName(environment),
      vpc: this.network.vpc,
      containerInsightsV2: ContainerInsights.DISABLED,
    });
    Validations.of(this.ecsCluster).acknowledge({
      id: 'AwsSolutions-ECS4',
      reason:
        'Tasks tell what they do by metrics and alarms of their own; those of Container Insights cost half as much again as all else of a cluster that streams WAL, and nothing reads them.',
    });
    this.executionRole = new ExecutionRole(this, 'ExecutionRole', { environment });
    this.leaseTable = clusters.some(isStreamed) ? new LeaseTable(this, 'Leases') : undefined;
    const backups = clusters.map((cluster) => this.addCluster(cluster));
    const active = backups.filter(({ retired }) => !retired);
    this.restoreRole = new RestoreRole(this, 'RestoreRole', {
      environment,
      bucketArn: this.bucketArn(),
    });
    this.startTask = new StartTaskFunction(this, 'StartTask', {
      environment,
      clusterNames: clusters.map(({ name }) => name),
      retiredClusterNames: clusters.filter(({ retired }) => retired).map(({ name }) => name),
      ecsCluster: this.ecsCluster,
      network: this.network,
      tasks: active.map(({ task }) => task),
      passedRoleArns: [
        this.executionRole.role.roleArn,
        ...active.map(({ role }) => role.role.roleArn),
      ],
      logGroup: this.newLogGroup('StartTaskLog'),
    });
    const schedules = this.addSchedules(clusters);
    const { notify, maxRetries, retryAfterMinutes } = {
      ...NOTIFICATION_DEFAULTS,
      ...withoutUndefined(props),
    };
    this.notifications = new Notifications(this, 'Notifications', { environment, notify });
    this.taskStopped = new TaskStoppedFunction(this, 'TaskStopped', {
      environment,
      ecsCluster: this.ecsCluster,
      notifications: this.notifications,
      schedules,
      startTask: this.startTask.function,
      maxRetries,
      retryAfterMinutes,
      logGroup: this.newLogGroup('TaskStoppedLog'),
      taskLogGroups: backups.map(({ logGroup }) => logGroup),
    });
    this.addWal(backups, schedules);
    watchFunctions(this, environment, this);
    if (notify.length === 0) {
      Annotations.of(this).addWarningV2(
        'holdfast:nobody-is-told',
        "notify is empty: nobody hears of a backup that fails. Give notify: ['ops@example.com'].",
      );
    }
    Tags.of(this).add(EnvironmentTag.Environment, environment);
  }

  private addCluster(cluster: ResolvedCluster): ClusterBackups {
    const shared = {
      environment: this.vault.environmentName,
      kmsKeyArn: this.vault.keyArnFor(this, cluster.name),
      lockMode: this.vault.lockMode,
    };
    const role = new BackupRole(this, `BackupRole-${cluster.name}`, {
      ...shared,
      cluster: cluster.name,
      bucketArn: this.bucketArn(),
      secretArn: this.secretArnPattern(cluster.secretName),
      ecsCluster: this.ecsCluster,
      retentionDays: cluster.retention.days,
      leaseTable: isStreamed(cluster) ? this.leaseTable : undefined,
    });
    const logGroup = this.newLogGroup(`Log-${cluster.name}`);
    const ofTasks = {
      ...shared,
      cluster,
      bucketName: this.vault.bucketName,
      ecsClusterArn: this.ecsCluster.clusterArn,
      // Not its ARN without those characters: of a name that itself ends in a hyphen and six, Secrets
      // Manager would take them for the suffix.
      secretName: cluster.secretName,
      taskRole: role.role,
      executionRole: this.executionRole.role,
    };
    const task = new RunnerTask(this, `Task-${cluster.name}`, {
      ...ofTasks,
      family: taskFamily(shared.environment, cluster.name),
      size: cluster,
      logGroup,
    });
    for (const part of [role, logGroup, task]) {
      Tags.of(part).add(EnvironmentTag.Cluster, cluster.name);
    }
    this.publishState(cluster);
    return { task, role, retired: cluster.retired, logGroup, ofTasks };
  }

  /** What streams the clusters' WAL, and looks after that. */
  private addWal(backups: readonly ClusterBackups[], schedules: ScheduleGroup): void {
    const { leaseTable, ecsCluster, network } = this;
    for (const { ofTasks } of backups) {
      const { cluster } = ofTasks;
      if (cluster.wal === undefined || leaseTable === undefined || !isStreamed(cluster)) continue;
      const logGroup = this.newLogGroup(`WalLog-${cluster.name}`);
      const wal = new ClusterWal(this, `Wal-${cluster.name}`, {
        ...{ ...ofTasks, logGroup, leaseTable, ecsCluster, network, schedules },
        topic: this.notifications.topic,
        wal: cluster.wal,
      });
      for (const part of [logGroup, wal]) Tags.of(part).add(EnvironmentTag.Cluster, cluster.name);
    }
  }

  private addSchedules(clusters: readonly ResolvedCluster[]): ScheduleGroup {
    const group = new ScheduleGroup(this, 'Schedules', {
      environment: this.vault.environmentName,
      startTask: this.startTask.function,
    });
    for (const cluster of clusters.filter(({ retired }) => !retired)) {
      for (const schedule of cluster.schedules) {
        const id = `Schedule-${cluster.name}-${schedule.name}`;
        new BackupSchedule(this, id, { cluster: cluster.name, schedule, group });
      }
    }
    return group;
  }

  /**
   * So that the command tells clusters that are configured from those whose backups are left, and hosts
   * that push WAL know how to lock it.
   */
  private publishState({ name, retired, retention }: ResolvedCluster): void {
    const lock = { mode: this.vault.lockMode, days: retention.days };
    const state: ClusterState = { version: 1, retired, lock };
    new StringParameter(this, `State-${name}`, {
      parameterName: clusterStateName(this.vault.environmentName, name),
      stringValue: JSON.stringify(state),
      tier: ParameterTier.STANDARD,
    });
  }

  private newLogGroup(id: string): LogGroup {
    return new LogGroup(this, id, { retention: this.logRetention });
  }

  private bucketArn(): string {
    return Stack.of(this).formatArn({
      service: 's3',
      account: '',
      region: '',
      resource: this.vault.bucketName,
    });
  }

  /** By name: the six characters that Secrets Manager appends change with each new secret. */
  private secretArnPattern(name: string): string {
    return Stack.of(this).formatArn({
      service: 'secretsmanager',
      resource: 'secret',
      resourceName: `${name}-??????`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
  }
}

/** A retired cluster has no streamer: nobody says that its server is still there. */
function isStreamed({ wal, retired }: ResolvedCluster): boolean {
  return wal !== undefined && !retired;
}
