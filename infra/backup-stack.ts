import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { PostgresBackups } from './constructs/postgres-backups.ts';
import type { PostgresVault } from './constructs/postgres-vault.ts';
import { importNetwork } from './import-network.ts';
import type { ResolvedEnvironment } from './resolved-environment.ts';

export interface BackupStackProps extends StackProps {
  readonly environment: ResolvedEnvironment;
  readonly vault: PostgresVault;
}

/** Everything that runs: it can be deleted and deployed again without touching a backup. */
export class BackupStack extends Stack {
  constructor(scope: Construct, id: string, props: BackupStackProps) {
    super(scope, id, props);
    const { environment, vault } = props;
    // An id of "Default" does not show in the logical ids, so they say no name twice.
    new PostgresBackups(this, 'Default', {
      vault,
      clusters: environment.clusters,
      ...importNetwork(this, environment.network),
      logRetentionDays: environment.logRetentionDays,
      notify: environment.notify,
      maxRetries: environment.maxRetries,
      retryAfterMinutes: environment.retryAfterMinutes,
    });
  }
}
