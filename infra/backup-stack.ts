import { ArnFormat, Stack, type StackProps } from 'aws-cdk-lib';
import { Cluster, ContainerInsights } from 'aws-cdk-lib/aws-ecs';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import { clusterKeyParameterName, resourceName } from '../contract/environment-names.ts';
import { BackupRole } from './constructs/backup-role.ts';
import { BackupSchedule, ScheduleGroup } from './constructs/backup-schedule.ts';
import { BackupTask } from './constructs/backup-task.ts';
import { ExecutionRole } from './constructs/execution-role.ts';
import { Network } from './constructs/network.ts';
import { RestoreRole } from './constructs/restore-role.ts';
import { StartTaskFunction } from './constructs/start-task-function.ts';
import type { ResolvedCluster, ResolvedEnvironment } from './resolved-environment.ts';
import { vaultBucketNameIn } from './vault-bucket-name.ts';

export interface BackupStackProps extends StackProps {
  readonly environment: ResolvedEnvironment;
}

/** Everything that runs: it can be deleted and deployed again without touching a backup. */
export class BackupStack extends Stack {
  constructor(scope: Construct, id: string, props: BackupStackProps) {
    super(scope, id, props);
    const { environment } = props;
    const network = new Network(this, 'Network', environment.network);
    const ecsCluster = new Cluster(this, 'Cluster', {
      clusterName: resourceName(environment.name),
      vpc: network.vpc,
      containerInsightsV2: ContainerInsights.ENABLED,
    });
    const executionRole = new ExecutionRole(this, 'ExecutionRole', {
      environment: environment.name,
    });
    const backups = environment.clusters.map((cluster) =>
      this.addCluster(cluster, environment, executionRole, ecsCluster),
    );
    new RestoreRole(this, 'RestoreRole', {
      environment: environment.name,
      bucketArn: this.bucketArn(environment),
      kmsKeyArns: backups.map(({ kmsKeyArn }) => kmsKeyArn),
    });
    const startTask = new StartTaskFunction(this, 'StartTask', {
      environment: environment.name,
      clusterNames: environment.clusters.map(({ name }) => name),
      ecsCluster,
      network,
      tasks: backups.map(({ task }) => task),
      passedRoleArns: [executionRole.role.roleArn, ...backups.map(({ role }) => role.role.roleArn)],
      logGroup: new LogGroup(this, 'StartTaskLog', { retention: environment.logRetentionDays }),
    });
    const group = new ScheduleGroup(this, 'Schedules', {
      environment: environment.name,
      startTask: startTask.function,
    });
    for (const cluster of environment.clusters) {
      for (const schedule of cluster.schedules) {
        const id = `Schedule-${cluster.name}-${schedule.name}`;
        new BackupSchedule(this, id, { cluster: cluster.name, schedule, group });
      }
    }
  }

  private addCluster(
    cluster: ResolvedCluster,
    environment: ResolvedEnvironment,
    executionRole: ExecutionRole,
    ecsCluster: Cluster,
  ): { task: BackupTask; role: BackupRole; kmsKeyArn: string } {
    // Resolved by CloudFormation when the stack is deployed: an export would keep the vault stack
    // from ever removing the cluster.
    const kmsKeyArn = StringParameter.valueForStringParameter(
      this,
      clusterKeyParameterName(environment.name, cluster.name),
    );
    const shared = {
      environment: environment.name,
      kmsKeyArn,
      lockMode: environment.lockMode,
    };
    const role = new BackupRole(this, `BackupRole-${cluster.name}`, {
      ...shared,
      cluster: cluster.name,
      bucketArn: this.bucketArn(environment),
      secretArn: this.secretArnPattern(cluster.secretName),
      ecsCluster,
      retentionDays: cluster.retention.days,
    });
    const task = new BackupTask(this, `Task-${cluster.name}`, {
      ...shared,
      cluster,
      bucketName: vaultBucketNameIn(this, environment),
      ecsClusterArn: ecsCluster.clusterArn,
      // Not its ARN without those characters: of a name that itself ends in a hyphen and six, Secrets
      // Manager would take them for the suffix.
      secretName: cluster.secretName,
      taskRole: role.role,
      executionRole: executionRole.role,
      logGroup: new LogGroup(this, `Log-${cluster.name}`, {
        retention: environment.logRetentionDays,
      }),
    });
    return { task, role, kmsKeyArn };
  }

  private bucketArn(environment: ResolvedEnvironment): string {
    return this.formatArn({
      service: 's3',
      account: '',
      region: '',
      resource: vaultBucketNameIn(this, environment),
    });
  }

  /** By name: the six characters that Secrets Manager appends change with each new secret. */
  private secretArnPattern(name: string): string {
    return this.formatArn({
      service: 'secretsmanager',
      resource: 'secret',
      resourceName: `${name}-??????`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
  }
}
