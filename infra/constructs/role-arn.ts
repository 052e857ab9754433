import { ArnFormat, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import {
  backupRoleName,
  backupRolePath,
  pushRoleName,
  pushRolePath,
  restoreRoleName,
  restoreRolePath,
} from '../../contract/environment-names.ts';

/*
 * ARNs of roles by their fixed names. The vault's policies match them by `aws:PrincipalArn` and not
 * as principals: a principal must exist when the policy is written, and these roles belong to the
 * stack that is deployed afterwards.
 */

export function backupRoleArn(scope: Construct, environment: string, cluster: string): string {
  return roleArn(scope, backupRolePath(), backupRoleName(environment, cluster));
}

/** Of hosts that push their WAL: made by whoever has such hosts. */
export function pushRoleArn(scope: Construct, environment: string, cluster: string): string {
  return roleArn(scope, pushRolePath(), pushRoleName(environment, cluster));
}

export function restoreRoleArn(scope: Construct, environment: string): string {
  return roleArn(scope, restoreRolePath(), restoreRoleName(environment));
}

/** `path` begins and ends with a slash. */
function roleArn(scope: Construct, path: string, name: string): string {
  return Stack.of(scope).formatArn({
    service: 'iam',
    region: '',
    arnFormat: ArnFormat.NO_RESOURCE_NAME,
    resource: `role${path}${name}`,
  });
}
