import { RemovalPolicy, Stack, Tags } from 'aws-cdk-lib';
import { ParameterTier, StringParameter } from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import {
  clusterKeyParameterName,
  EnvironmentTag,
  keyRuleName,
  vaultBucketName,
  vaultParameterName,
} from '../../contract/environment-names.ts';
import type { LockMode } from '../../contract/names.ts';
import type { VaultParameter } from '../../contract/parameters.ts';
import { resolveVault } from '../resolve-vault.ts';
import type { PostgresVaultProps } from '../vault-props.ts';
import { AlarmTopic } from './alarm-topic.ts';
import { ClusterKey } from './cluster-key.ts';
import { VaultBucket } from './vault-bucket.ts';
import { KeyWatch, VaultWatch } from './vault-watch.ts';

/**
 * The bucket and the keys: everything that must outlive this software, and outlives its stack.
 *
 * @throws EnvironmentError naming each wrong property, the value found and the fix.
 */
export class PostgresVault extends Construct {
  readonly environmentName: string;
  /** Fixed, and so known in every stack without an export. */
  readonly bucketName: string;
  readonly lockMode: LockMode;
  readonly retentionDays: number;
  readonly minLockDays: number;
  readonly maxLockDays: number;
  /** Where whoever lays hands on the vault is told of. */
  readonly alarm: AlarmTopic;
  private readonly keys = new Map<string, ClusterKey>();

  constructor(scope: Construct, id: string, props: PostgresVaultProps) {
    super(scope, id);
    const { account, region } = Stack.of(this);
    const vault = resolveVault(props);
    this.environmentName = vault.environmentName;
    this.bucketName = vault.bucketName ?? vaultBucketName(vault.environmentName, account, region);
    this.lockMode = vault.lockMode;
    this.retentionDays = vault.retentionDays;
    this.minLockDays = vault.minLockDays;
    this.maxLockDays = vault.maxLockDays;
    new VaultBucket(this, 'Vault', {
      bucketName: this.bucketName,
      lockMode: this.lockMode,
      defaultLockDays: this.retentionDays,
      minLockDays: this.minLockDays,
      maxLockDays: this.maxLockDays,
    });
    const parameter: VaultParameter = { version: 1, bucket: this.bucketName };
    new StringParameter(this, 'VaultParameter', {
      parameterName: vaultParameterName(this.environmentName),
      stringValue: Stack.of(this).toJsonString(parameter),
      tier: ParameterTier.STANDARD,
    }).applyRemovalPolicy(RemovalPolicy.RETAIN);
    const environment = this.environmentName;
    this.alarm = new AlarmTopic(this, 'Alarm', { environment, emails: vault.alarmEmails });
    new VaultWatch(this, 'Watch', {
      environment,
      bucketName: this.bucketName,
      topic: this.alarm,
    });
    for (const name of vault.clusterNames) this.addCluster(name);
    Tags.of(this).add(EnvironmentTag.Environment, this.environmentName);
  }

  /** Gives a cluster its key. Whoever asks twice gets the same. */
  addCluster(name: string): ClusterKey {
    const known = this.keys.get(name);
    if (known !== undefined) return known;
    const environment = this.environmentName;
    const key = new ClusterKey(this, `Key-${name}`, { environment, cluster: name });
    this.keys.set(name, key);
    const watch = new KeyWatch(this, `Watch-${name}`, {
      environment,
      ruleName: keyRuleName(environment, name),
      key: key.key,
      topic: this.alarm,
      subject: `the key of the cluster ${name} of ${environment}`,
      atStake: 'Without this key the backups of the cluster cannot be read.',
    });
    for (const part of [key, watch]) Tags.of(part).add(EnvironmentTag.Cluster, name);
    return key;
  }

  /**
   * A cluster's key, as another construct's stack may know it. Elsewhere it is read from SSM when that
   * stack is deployed: an export would keep this stack from ever removing the cluster.
   */
  keyArnFor(scope: Construct, cluster: string): string {
    const { key } = this.addCluster(cluster);
    const [here, there] = [Stack.of(this), Stack.of(scope)];
    if (here === there) return key.keyArn;
    there.addStackDependency(here);
    const name = clusterKeyParameterName(this.environmentName, cluster);
    return StringParameter.valueForStringParameter(scope, name);
  }
}
