import { Stack } from 'aws-cdk-lib';
import type { Cluster } from 'aws-cdk-lib/aws-ecs';
import { PolicyDocument, PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { backupRoleName, backupRolePath } from '../../contract/environment-names.ts';
import type { LockMode } from '../../contract/names.ts';
import { catalogPrefix, clusterPrefix } from '../../contract/vault-keys.ts';
import { acknowledgeWildcard } from './acknowledge-wildcards.ts';
import { lockBoundStatements } from './lock-bounds.ts';
import { ecsTasksPrincipal } from './service-principals.ts';

export interface BackupRoleProps {
  readonly environment: string;
  readonly cluster: string;
  readonly bucketArn: string;
  readonly kmsKeyArn: string;
  /** ARN pattern of the secret with the connection URIs. */
  readonly secretArn: string;
  readonly ecsCluster: Cluster;
  readonly lockMode: LockMode;
  /** How long this cluster's backups are locked. Days. */
  readonly retentionDays: number;
}

/**
 * What a cluster's backup task may do: add to its own part of the vault, and read back nothing but
 * the catalog. Written by hand, because grantPut, grantDelete and grantEncrypt give more than that.
 */
export class BackupRole extends Construct {
  readonly role: Role;

  constructor(scope: Construct, id: string, props: BackupRoleProps) {
    super(scope, id);
    const tasks = Stack.of(this).formatArn({
      service: 'ecs',
      resource: 'task',
      resourceName: `${props.ecsCluster.clusterName}/*`,
    });
    this.role = new Role(this, 'Role', {
      roleName: backupRoleName(props.environment, props.cluster),
      path: backupRolePath(),
      description: `Holdfast ${props.environment}: writes the backups of ${props.cluster}`,
      assumedBy: ecsTasksPrincipal(this),
      inlinePolicies: {
        backup: new PolicyDocument({
          statements: [...statements(props), ...lookAtTasks(props.ecsCluster, tasks)],
        }),
      },
    });
    const reason = "A backup writes many objects, all under its own cluster's prefix.";
    acknowledgeWildcard(this.role, `${props.bucketArn}/${clusterPrefix(props.cluster)}*`, reason);
    acknowledgeWildcard(
      this.role,
      `${props.bucketArn}/${catalogPrefix(props.cluster)}*`,
      "The catalog is the only part of the vault that a backup reads, and it holds every backup's manifest.",
    );
    acknowledgeWildcard(this.role, tasks, "A task's id is drawn when it starts.");
    acknowledgeWildcard(
      this.role,
      '*',
      'ecs:ListTasks has no resource on Fargate; the condition ties it to one ECS cluster.',
    );
  }
}

function statements(props: BackupRoleProps): PolicyStatement[] {
  const { bucketArn, cluster } = props;
  const objects = `${bucketArn}/${clusterPrefix(cluster)}*`;
  return [
    allow('WriteItsObjects', ['s3:PutObject'], objects),
    allow('LockItsObjects', ['s3:PutObjectRetention'], objects),
    allow('AbortItsUploads', ['s3:AbortMultipartUpload'], objects),
    allow(
      'ReadItsCatalog',
      ['s3:GetObject', 's3:GetObjectVersion'],
      `${bucketArn}/${catalogPrefix(cluster)}*`,
    ),
    allow('ListItsObjects', ['s3:ListBucket', 's3:ListBucketVersions'], bucketArn, {
      StringLike: { 's3:prefix': `${clusterPrefix(cluster)}*` },
    }),
    // This action knows no condition on the prefix.
    allow('ListUploads', ['s3:ListBucketMultipartUploads'], bucketArn),
    // Not kms:Decrypt: the task encrypts with a data key that it then forgets.
    allow('MakeDataKeys', ['kms:GenerateDataKey'], props.kmsKeyArn),
    allow('ReadItsSecret', ['secretsmanager:GetSecretValue'], props.secretArn),
    ...lockBoundStatements({
      resources: [objects],
      lockMode: props.lockMode,
      // A lock counts from the backup's start, and what is left of it when an object is written may
      // be rounded either way.
      // A lock counts from its run's start, a run may take a day, and a rest is rounded down.
      minDays: props.retentionDays - 2,
      maxDays: props.retentionDays + 1,
    }),
  ];
}

/** So that what a task left open is told from what a living one is uploading. */
function lookAtTasks({ clusterArn }: Cluster, tasks: string): PolicyStatement[] {
  const inThisCluster = { ArnEquals: { 'ecs:cluster': clusterArn } };
  return [
    allow('ListTasks', ['ecs:ListTasks'], '*', inThisCluster),
    allow('DescribeTasks', ['ecs:DescribeTasks'], tasks, inThisCluster),
  ];
}

function allow(
  sid: string,
  actions: string[],
  resource: string,
  conditions: Record<string, Record<string, string>> = {},
): PolicyStatement {
  return new PolicyStatement({ sid, actions, resources: [resource], conditions });
}
