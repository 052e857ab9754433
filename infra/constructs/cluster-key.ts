import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  AccountRootPrincipal,
  AnyPrincipal,
  Effect,
  PolicyDocument,
  type PolicyStatement,
} from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { ParameterTier, StringParameter } from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import {
  clusterKeyParameterName,
  clusterParameterName,
  resourceName,
} from '../../contract/environment-names.ts';
import type { ClusterParameter } from '../../contract/parameters.ts';
import { WAL_CONTEXT } from '../../contract/wal-object.ts';
import {
  ADMINISTRATION,
  DESTRUCTION,
  keyStatement,
  parentManifestContext,
} from './key-statements.ts';
import { backupRoleArn, pushRoleArn, restoreRoleArn } from './role-arn.ts';

export interface ClusterKeyProps {
  readonly environment: string;
  readonly cluster: string;
}

/** One cluster's KMS key, and the parameters from which others learn its ARN. Both outlive the stack. */
export class ClusterKey extends Construct {
  readonly key: Key;

  constructor(scope: Construct, id: string, props: ClusterKeyProps) {
    super(scope, id);
    const { environment, cluster } = props;
    this.key = new Key(this, 'Key', {
      description: `Holdfast ${environment}: data keys of the backups of ${cluster}`,
      // Cannot be changed later: without it a lost region takes the key along.
      multiRegion: true,
      enableKeyRotation: true,
      policy: new PolicyDocument({ statements: keyStatements(this, props) }),
      removalPolicy: RemovalPolicy.RETAIN,
    });
    this.key
      .addAlias(`alias/${resourceName(environment, cluster)}`)
      .applyRemovalPolicy(RemovalPolicy.RETAIN);
    const parameter: ClusterParameter = { version: 1, kmsKeyArn: this.key.keyArn };
    this.publish(
      'Parameter',
      clusterParameterName(environment, cluster),
      Stack.of(this).toJsonString(parameter),
    );
    this.publish('KeyArnParameter', clusterKeyParameterName(environment, cluster), this.key.keyArn);
  }

  private publish(id: string, parameterName: string, stringValue: string): void {
    const parameter = new StringParameter(this, id, {
      parameterName,
      stringValue,
      tier: ParameterTier.STANDARD,
    });
    // A cluster taken out of the file keeps its backups, so what leads to them stays too.
    parameter.applyRemovalPolicy(RemovalPolicy.RETAIN);
  }
}

/** Ways to hand the key's use to somebody whom this policy does not name. */
const DELEGATION = ['kms:CreateGrant', 'kms:ReEncrypt*'];

function keyStatements(
  scope: Construct,
  { environment, cluster }: ClusterKeyProps,
): PolicyStatement[] {
  const account = new AccountRootPrincipal();
  return [
    keyStatement('AllowAdministration', Effect.ALLOW, ADMINISTRATION, account),
    // These allow what the role's own policy allows as well, and nobody else.
    keyStatement('AllowDataKeysForItsBackups', Effect.ALLOW, ['kms:GenerateDataKey'], account, {
      ArnEquals: { 'aws:PrincipalArn': backupRoleArn(scope, environment, cluster) },
      StringEquals: { 'kms:EncryptionContext:cluster': cluster },
    }),
    keyStatement('AllowDataKeysForPushedWal', Effect.ALLOW, ['kms:GenerateDataKey'], account, {
      ArnEquals: { 'aws:PrincipalArn': pushRoleArn(scope, environment, cluster) },
      StringEquals: {
        'kms:EncryptionContext:cluster': cluster,
        'kms:EncryptionContext:backup': WAL_CONTEXT,
      },
    }),
    // And this one opens nothing but what an incremental backup has to know of its parent.
    keyStatement('AllowDecryptOfParents', Effect.ALLOW, ['kms:Decrypt'], account, {
      ArnEquals: { 'aws:PrincipalArn': backupRoleArn(scope, environment, cluster) },
      StringEquals: parentManifestContext(cluster),
    }),
    keyStatement('AllowDecryptForRestore', Effect.ALLOW, ['kms:Decrypt'], account, {
      ArnEquals: { 'aws:PrincipalArn': restoreRoleArn(scope, environment) },
      StringEquals: { 'kms:EncryptionContext:cluster': cluster },
    }),
    keyStatement('DenyDestruction', Effect.DENY, DESTRUCTION, new AnyPrincipal()),
    keyStatement('DenyDelegation', Effect.DENY, DELEGATION, new AnyPrincipal()),
  ];
}
