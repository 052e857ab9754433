import { GetParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { clusterParameterName, vaultParameterName } from '../contract/environment-names.ts';
import { HoldfastError } from '../contract/errors.ts';
import { ClusterParameter, parseParameter, VaultParameter } from '../contract/parameters.ts';
import { awsError } from './aws-errors.ts';

type Ssm = Pick<SSMClient, 'send'>;

/**
 * Finds an environment's vault.
 *
 * @throws HoldfastError ENVIRONMENT_INVALID when no such environment is deployed in this account
 * and Region, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function findVault(ssm: Ssm, environment: string): Promise<VaultParameter> {
  const name = vaultParameterName(environment);
  const text = await readParameter(ssm, name);
  if (text !== undefined) return parseParameter(VaultParameter, name, text);
  throw new HoldfastError(
    'ENVIRONMENT_INVALID',
    `There is no environment "${environment}" here: the SSM parameter ${name} does not exist.`,
    { hint: 'Look at the name, the AWS account (AWS_PROFILE) and the Region (AWS_REGION).' },
  );
}

/**
 * Finds the key that a cluster's backups must have been encrypted with. Taken from SSM and not from
 * a manifest: whoever may write backups may write a manifest, but not this.
 *
 * @throws HoldfastError CLUSTER_UNKNOWN, ENVIRONMENT_INVALID, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function findCluster(
  ssm: Ssm,
  environment: string,
  cluster: string,
): Promise<ClusterParameter> {
  const name = clusterParameterName(environment, cluster);
  const text = await readParameter(ssm, name);
  if (text !== undefined) return parseParameter(ClusterParameter, name, text);
  throw new HoldfastError(
    'CLUSTER_UNKNOWN',
    `The environment "${environment}" has no cluster "${cluster}": the SSM parameter ${name} does not exist.`,
    {
      hint: '`holdfast list` shows the clusters that have backups; a cluster is configured in infra/environments.',
    },
  );
}

async function readParameter(ssm: Ssm, name: string): Promise<string | undefined> {
  try {
    const answer = await ssm.send(new GetParameterCommand({ Name: name }));
    return answer.Parameter?.Value;
  } catch (error) {
    if ((error as { name?: string }).name === 'ParameterNotFound') return undefined;
    throw awsError(error, 'ssm:GetParameter', name);
  }
}
