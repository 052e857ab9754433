import {
  GetParameterCommand,
  GetParametersByPathCommand,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import {
  clusterParameterName,
  clusterStateName,
  clusterStatePath,
  vaultParameterName,
} from '../contract/environment-names.ts';
import { HoldfastError } from '../contract/errors.ts';
import {
  ClusterParameter,
  ClusterState,
  parseParameter,
  VaultParameter,
} from '../contract/parameters.ts';
import { awsError } from './aws-errors.ts';

type Ssm = Pick<SSMClient, 'send' | 'config'>;

/**
 * Finds an environment's vault.
 *
 * @throws HoldfastError ENVIRONMENT_INVALID when no such environment is deployed in this account
 * and Region, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function findVault(ssm: Ssm, environment: string): Promise<VaultParameter> {
  const name = vaultParameterName(environment);
  const text = await readParameter(ssm, environment, name);
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
  const text = await readParameter(ssm, environment, name);
  if (text !== undefined) return parseParameter(ClusterParameter, name, text);
  throw new HoldfastError(
    'CLUSTER_UNKNOWN',
    `The environment "${environment}" has no cluster "${cluster}": the SSM parameter ${name} does not exist.`,
    {
      hint: '`holdfast list` shows the clusters that have backups; a cluster is configured in infra/environments.',
    },
  );
}

/**
 * The clusters that the environment's file names, by name. None where its backup stack is not deployed.
 *
 * @throws HoldfastError ENVIRONMENT_INVALID, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function findConfiguredClusters(
  ssm: Ssm,
  environment: string,
): Promise<ReadonlyMap<string, ClusterState>> {
  const Path = clusterStatePath(environment);
  const found = new Map<string, ClusterState>();
  let NextToken: string | undefined;
  do {
    const page = await ssm
      .send(new GetParametersByPathCommand({ Path, NextToken }))
      .catch(async (error: unknown) => {
        throw await parameterError(ssm, error, 'ssm:GetParametersByPath', Path, environment);
      });
    for (const { Name = '', Value = '' } of page.Parameters ?? []) {
      found.set(Name.slice(Path.length + 1), parseParameter(ClusterState, Name, Value));
    }
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return found;
}

/**
 * What the environment's file says of one cluster.
 *
 * @throws HoldfastError CLUSTER_UNKNOWN, ENVIRONMENT_INVALID, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function findClusterState(
  ssm: Ssm,
  environment: string,
  cluster: string,
): Promise<ClusterState> {
  const name = clusterStateName(environment, cluster);
  const text = await readParameter(ssm, environment, name);
  if (text !== undefined) return parseParameter(ClusterState, name, text);
  throw new HoldfastError(
    'CLUSTER_UNKNOWN',
    `The environment "${environment}" has no cluster "${cluster}" now: the SSM parameter ${name} does not exist.`,
    { hint: 'A cluster is configured in infra/environments.' },
  );
}

async function readParameter(
  ssm: Ssm,
  environment: string,
  name: string,
): Promise<string | undefined> {
  try {
    const answer = await ssm.send(new GetParameterCommand({ Name: name }));
    return answer.Parameter?.Value;
  } catch (error) {
    if ((error as { name?: string }).name === 'ParameterNotFound') return undefined;
    throw await parameterError(ssm, error, 'ssm:GetParameter', name, environment);
  }
}

/**
 * A role may read the parameters of its own environment alone, in its Region: a wrong name or Region looks
 * like a missing right.
 */
async function parameterError(
  { config }: Ssm,
  error: unknown,
  action: string,
  name: string,
  environment: string,
): Promise<HoldfastError> {
  const failed = awsError(error, action, name);
  if (failed.code !== 'VAULT_DENIED') return failed;
  const region = await config.region();
  const hint = `Look whether "${environment}" is the environment's name, and ${region} (AWS_REGION) its Region: a role reads the parameters of its own environment alone. If they are: ${failed.hint}`;
  return new HoldfastError(failed.code, failed.message, { hint, cause: failed.cause });
}
