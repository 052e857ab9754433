import { Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { vaultBucketName } from '../contract/environment-names.ts';
import type { ResolvedEnvironment } from './resolved-environment.ts';

/** The bucket's name, the same in every stack, so that none needs another's export. */
export function vaultBucketNameIn(scope: Construct, environment: ResolvedEnvironment): string {
  const { account, region } = Stack.of(scope);
  return environment.bucketName ?? vaultBucketName(environment.name, account, region);
}
