import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { ParameterTier, StringParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import { vaultParameterName } from '../contract/environment-names.ts';
import type { VaultParameter } from '../contract/parameters.ts';
import { ClusterKey } from './constructs/cluster-key.ts';
import { VaultBucket } from './constructs/vault-bucket.ts';
import type { ResolvedEnvironment } from './resolved-environment.ts';
import { vaultBucketNameIn } from './vault-bucket-name.ts';

export interface VaultStackProps extends StackProps {
  readonly environment: ResolvedEnvironment;
}

/** The bucket and the keys: everything that must outlive this software. */
export class VaultStack extends Stack {
  constructor(scope: Construct, id: string, props: VaultStackProps) {
    super(scope, id, { ...props, terminationProtection: true });
    const { environment } = props;
    const bucketName = vaultBucketNameIn(this, environment);
    new VaultBucket(this, 'Vault', {
      environment: environment.name,
      bucketName,
      lockMode: environment.lockMode,
      defaultLockDays: environment.retentionDays,
      minLockDays: environment.minLockDays,
      maxLockDays: environment.maxLockDays,
    });
    const parameter: VaultParameter = { version: 1, bucket: bucketName };
    new StringParameter(this, 'VaultParameter', {
      parameterName: vaultParameterName(environment.name),
      stringValue: this.toJsonString(parameter),
      tier: ParameterTier.STANDARD,
    }).applyRemovalPolicy(RemovalPolicy.RETAIN);
    for (const { name } of environment.clusters) {
      new ClusterKey(this, `Key-${name}`, { environment: environment.name, cluster: name });
    }
  }
}
