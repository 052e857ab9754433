import { type App, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { backupStackName, vaultStackName } from '../contract/environment-names.ts';
import { BackupStack } from './backup-stack.ts';
import type { ResolvedEnvironment } from './resolved-environment.ts';
import { VaultStack } from './vault-stack.ts';

export interface HoldfastStacks {
  readonly vault: VaultStack;
  readonly backup: BackupStack;
}

/** An environment's two stacks, and the rules that every synth checks them against. */
export function addHoldfastStacks(app: App, environment: ResolvedEnvironment): HoldfastStacks {
  const { account, region } = environment;
  const props = {
    environment,
    // Without these the stacks fit any account and region, and synth needs no credentials.
    ...(account === undefined || region === undefined ? {} : { env: { account, region } }),
  };
  const vault = new VaultStack(app, vaultStackName(environment.name), {
    ...props,
    description: `Holdfast ${environment.name}: the vault, kept when the stack is deleted`,
  });
  const backup = new BackupStack(app, backupStackName(environment.name), {
    ...props,
    vault: vault.vault,
    description: `Holdfast ${environment.name}: tasks, functions and schedules`,
  });
  for (const [key, value] of Object.entries(environment.tags)) {
    Tags.of(vault).add(key, value);
    Tags.of(backup).add(key, value);
  }
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return { vault, backup };
}
