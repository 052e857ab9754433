import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { PostgresVault } from './constructs/postgres-vault.ts';
import type { ResolvedEnvironment } from './resolved-environment.ts';

export interface VaultStackProps extends StackProps {
  readonly environment: ResolvedEnvironment;
}

/** The bucket and the keys: everything that must outlive this software. */
export class VaultStack extends Stack {
  readonly vault: PostgresVault;

  constructor(scope: Construct, id: string, props: VaultStackProps) {
    super(scope, id, { ...props, terminationProtection: true });
    const { environment } = props;
    // An id of "Default" does not show in the logical ids, so they say no name twice.
    this.vault = new PostgresVault(this, 'Default', {
      environmentName: environment.name,
      ...(environment.bucketName === undefined ? {} : { bucketName: environment.bucketName }),
      lockMode: environment.lockMode,
      retentionDays: environment.retentionDays,
      minLockDays: environment.minLockDays,
      maxLockDays: environment.maxLockDays,
      acknowledgeLongLocks: environment.acknowledgeLongLocks,
      alarmEmails: environment.alarmEmails,
      clusterNames: environment.clusters.map(({ name }) => name),
    });
  }
}
