import { Stack } from 'aws-cdk-lib';
import type { Cluster } from 'aws-cdk-lib/aws-ecs';
import { PolicyDocument, PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { backupRoleName, backupRolePath } from '../../contract/environment-names.ts';
import type { LockMode } from '../../contract/names.ts';
import { BACKUP_MANIFEST_ARTIFACT } from '../../contract/physical-manifest.ts';
import { backupsPrefix, catalogPrefix, clusterPrefix } from '../../contract/vault-keys.ts';
import { walIncrementsPattern, walPrefix } from '../../contract/wal-keys.ts';
import { acknowledgeWildcard } from './acknowledge-wildcards.ts';
import { parentManifestContext } from './key-statements.ts';
import type { LeaseTable } from './lease-table.ts';
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
  /** Where the cluster's streamer keeps its lease; absent where nobody streams its WAL. */
  readonly leaseTable?: LeaseTable | undefined;
}

/**
 * What a cluster's backup task may do: add to its own part of the vault, and read back nothing but
 * the catalog and WAL. Written by hand, because grantPut, grantDelete and grantEncrypt give more than that.
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
          statements: [
            ...statements(props),
            ...lookAtTasks(props.ecsCluster, tasks),
            ...(props.leaseTable === undefined ? [] : streamWal(props, props.leaseTable)),
          ],
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
    acknowledgeWildcard(
      this.role,
      `${props.bucketArn}/${parentManifests(props.cluster)}`,
      "An incremental backup rests on an earlier one, of whose artifacts it reads PostgreSQL's own manifest alone.",
    );
    if (props.leaseTable !== undefined) {
      acknowledgeWildcard(
        this.role,
        `${props.bucketArn}/${walPrefix(props.cluster)}*`,
        'The streamer looks whether what is there under a name is what it has; WAL is many objects.',
      );
    }
    acknowledgeWildcard(this.role, tasks, "A task's id is drawn when it starts.");
    acknowledgeWildcard(
      this.role,
      '*',
      'ecs:ListTasks has no resource on Fargate; the condition ties it to one ECS cluster.',
    );
  }
}

/** Keys of PostgreSQL's own manifests, which incremental backups are taken against. */
function parentManifests(cluster: string): string {
  return `${backupsPrefix(cluster)}*/${BACKUP_MANIFEST_ARTIFACT}`;
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
    allow(
      'ReadParents',
      ['s3:GetObject', 's3:GetObjectVersion'],
      `${bucketArn}/${parentManifests(cluster)}`,
    ),
    // A lock that reaches further than it would be set must be left alone.
    allow('ReadItsLocks', ['s3:GetObjectRetention'], objects),
    // The task encrypts with a data key that it then forgets, and decrypts but one thing.
    allow('MakeDataKeys', ['kms:GenerateDataKey'], props.kmsKeyArn),
    allow('DecryptParents', ['kms:Decrypt'], props.kmsKeyArn, {
      StringEquals: parentManifestContext(cluster),
    }),
    allow('ReadItsSecret', ['secretsmanager:GetSecretValue'], props.secretArn),
    ...lockBoundStatements({
      objects,
      increments: `${bucketArn}/${walIncrementsPattern(cluster)}`,
      lockMode: props.lockMode,
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

/** What the streamer of the cluster's WAL does besides: a lease of its own, and a look at its WAL. */
function streamWal({ bucketArn, cluster }: BackupRoleProps, leases: LeaseTable): PolicyStatement[] {
  return [
    allow(
      'ReadItsWal',
      ['s3:GetObject', 's3:GetObjectVersion'],
      `${bucketArn}/${walPrefix(cluster)}*`,
    ),
    allow('KeepItsLease', ['dynamodb:UpdateItem', 'dynamodb:DeleteItem'], leases.table.tableArn, {
      // Of all keys of a call, and of none it would hold too.
      'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': cluster },
      Null: { 'dynamodb:LeadingKeys': 'false' },
    }),
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
