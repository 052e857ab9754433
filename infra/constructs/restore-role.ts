import { Duration, Stack } from 'aws-cdk-lib';
import { AccountRootPrincipal, PolicyDocument, PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import {
  EnvironmentTag,
  parameterPath,
  restoreRoleName,
  restoreRolePath,
} from '../../contract/environment-names.ts';
import { CLUSTERS_PREFIX } from '../../contract/vault-keys.ts';
import { acknowledgeWildcard } from './acknowledge-wildcards.ts';

/**
 * As long as a session can be asked to last, since a large server takes hours to restore. Who does not
 * ask has an hour, and so has whoever assumes the role out of another one.
 *
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
 */
const LONGEST_SESSION = Duration.hours(12);

export interface RestoreRoleProps {
  readonly environment: string;
  readonly bucketArn: string;
}

/**
 * Reads and decrypts, for a person who restores: whoever the account's own policies let assume it.
 * No schedule and no task has it, and it can write nothing to the vault.
 */
export class RestoreRole extends Construct {
  readonly role: Role;

  constructor(scope: Construct, id: string, props: RestoreRoleProps) {
    super(scope, id);
    const objects = `${props.bucketArn}/${CLUSTERS_PREFIX}*`;
    const parameters = Stack.of(this).formatArn({
      service: 'ssm',
      resource: `parameter${parameterPath(props.environment)}`,
    });
    const keys = Stack.of(this).formatArn({ service: 'kms', resource: 'key', resourceName: '*' });
    this.role = new Role(this, 'Role', {
      roleName: restoreRoleName(props.environment),
      path: restoreRolePath(),
      description: `Holdfast ${props.environment}: reads and decrypts backups`,
      // Naming the account delegates: a caller also needs sts:AssumeRole on this role of its own.
      assumedBy: new AccountRootPrincipal(),
      maxSessionDuration: LONGEST_SESSION,
      inlinePolicies: {
        restore: new PolicyDocument({
          statements: [
            // `verify` looks whether everything is locked.
            allow(
              'ReadBackups',
              ['s3:GetObject', 's3:GetObjectVersion', 's3:GetObjectRetention'],
              [objects],
            ),
            allow('ListBackups', ['s3:ListBucket', 's3:ListBucketVersions'], [props.bucketArn], {
              StringLike: { 's3:prefix': `${CLUSTERS_PREFIX}*` },
            }),
            // By tag: so it takes in the keys of clusters that have left the file.
            allow('Decrypt', ['kms:Decrypt'], [keys], {
              StringEquals: {
                [`aws:ResourceTag/${EnvironmentTag.Environment}`]: props.environment,
              },
            }),
            allow(
              'FindTheVault',
              ['ssm:GetParameter', 'ssm:GetParametersByPath'],
              [parameters, `${parameters}/*`],
            ),
          ],
        }),
      },
    });
    acknowledgeWildcard(this.role, objects, 'A restore may need any backup of the environment.');
    acknowledgeWildcard(
      this.role,
      keys,
      "The condition on the tag leaves the environment's own keys, also those of clusters taken out.",
    );
    acknowledgeWildcard(
      this.role,
      `${parameters}/*`,
      "One parameter per cluster, and only this environment's.",
    );
  }
}

function allow(
  sid: string,
  actions: string[],
  resources: string[],
  conditions: Record<string, Record<string, string>> = {},
): PolicyStatement {
  return new PolicyStatement({ sid, actions, resources, conditions });
}
