import type { SSMClient } from '@aws-sdk/client-ssm';
import { expect, test } from 'vitest';
import { clusterParameterName, vaultParameterName } from '../../contract/environment-names.ts';
import { findCluster, findConfiguredClusters, findVault } from '../../vault/parameters.ts';

/** SSM with these parameters; what is not there is answered as SSM does. */
function ssmWith(parameters: Readonly<Record<string, string>>, failure = 'ParameterNotFound') {
  return {
    config: { region: async () => 'us-east-1' },
    send: async (command: { input: { Name?: string } }) => {
      const value = parameters[command.input.Name ?? ''];
      if (value === undefined) throw Object.assign(new Error('failed'), { name: failure });
      return { Parameter: { Value: value } };
    },
  } as unknown as SSMClient;
}

test('finds the bucket and the key of an environment', async () => {
  const kmsKeyArn = 'arn:aws:kms:eu-central-1:111122223333:key/mrk-1';
  const ssm = ssmWith({
    [vaultParameterName('prod')]: JSON.stringify({ version: 1, bucket: 'the-vault' }),
    [clusterParameterName('prod', 'orders')]: JSON.stringify({ version: 1, kmsKeyArn }),
  });
  expect(await findVault(ssm, 'prod')).toMatchObject({ bucket: 'the-vault' });
  expect(await findCluster(ssm, 'prod', 'orders')).toMatchObject({ kmsKeyArn });
});

test('tells an unknown environment, an unknown cluster, a malformed value and a refusal apart', async () => {
  await expect(findVault(ssmWith({}), 'prod')).rejects.toMatchObject({
    code: 'ENVIRONMENT_INVALID',
  });
  await expect(findCluster(ssmWith({}), 'prod', 'x')).rejects.toMatchObject({
    code: 'CLUSTER_UNKNOWN',
  });
  const malformed = ssmWith({ [vaultParameterName('prod')]: '' });
  await expect(findVault(malformed, 'prod')).rejects.toMatchObject({ code: 'ENVIRONMENT_INVALID' });
  await expect(findVault(ssmWith({}, 'AccessDeniedException'), 'prod')).rejects.toMatchObject({
    code: 'VAULT_DENIED',
    message: expect.stringContaining('ssm:GetParameter on /holdfast/prod/vault'),
    hint: expect.stringMatching(
      /^Look whether "prod" is the environment's name, and us-east-1 \(AWS_REGION\) its Region: .* Allow ssm:GetPar/,
    ),
  });
});

test('finds the configured clusters over several pages, and none where nothing runs', async () => {
  const state = (retired: boolean): string => JSON.stringify({ version: 1, retired });
  const pages = [
    { Parameters: [{ Name: '/holdfast/prod/configured/orders', Value: state(false) }] },
    { Parameters: [{ Name: '/holdfast/prod/configured/billing', Value: state(true) }] },
  ];
  const ssm = {
    send: async ({ input }: { input: { Path: string; NextToken?: string } }) => {
      expect(input.Path).toBe('/holdfast/prod/configured');
      const at = Number(input.NextToken ?? 0);
      return { ...pages[at], ...(at + 1 < pages.length ? { NextToken: String(at + 1) } : {}) };
    },
  } as unknown as SSMClient;
  const found = await findConfiguredClusters(ssm, 'prod');
  expect(Object.fromEntries(found)).toMatchObject({
    orders: { retired: false },
    billing: { retired: true },
  });
  const nothing = { send: async () => ({ Parameters: [] }) } as unknown as SSMClient;
  expect((await findConfiguredClusters(nothing, 'prod')).size).toBe(0);
});
