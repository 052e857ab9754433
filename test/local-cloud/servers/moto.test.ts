import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStackResourcesCommand,
} from '@aws-sdk/client-cloudformation';
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  GenerateDataKeyCommand,
  KMSClient,
  PutKeyPolicyCommand,
} from '@aws-sdk/client-kms';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { GetParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { KeyPair } from './key-pair.ts';
import { type Moto, startMoto } from './moto.ts';
import { type Run, startRun } from './run.ts';

/** What the control plane has to enforce for the end-to-end tests to mean anything. */

let run: Run;
let moto: Moto;
const roleArn = 'arn:aws:iam::000000000000:role/holdfast/backup/hf.test.a';
const options = (credentials: KeyPair) => ({
  endpoint: moto.endpoint,
  region: moto.region,
  credentials,
});
const kms = (credentials = moto.admin) => new KMSClient(options(credentials));
const makeKey = async () => {
  const made = await kms().send(new CreateKeyCommand({ MultiRegion: true }));
  return String(made.KeyMetadata?.Arn);
};
const dataKey = (KeyId: string, cluster: string) =>
  new GenerateDataKeyCommand({
    KeyId,
    KeySpec: 'AES_256',
    EncryptionContext: { cluster, backup: 'label' },
  });

beforeAll(async () => {
  run = await startRun();
  moto = await startMoto({ run });
  await moto.enforce();
});
afterAll(async () => {
  await moto.stop();
  await run.stop();
});

test('allows a data key on the key and in the context of the policy, and no other', async () => {
  const [mine, other] = [await makeKey(), await makeKey()];
  const Condition = { StringEquals: { 'kms:EncryptionContext:cluster': 'a' } };
  const pair = await moto.putPrincipal({
    name: 'hf.test.a',
    roleArn,
    policies: [allow('kms:GenerateDataKey', mine, { Condition })],
  });
  const its = kms(pair);
  const got = await its.send(dataKey(mine, 'a'));
  await expect(its.send(dataKey(other, 'a'))).rejects.toMatchObject({
    name: 'AccessDeniedException',
    message: `User: ${roleArn} is not authorized to perform: kms:GenerateDataKey on resource: ${other} because no identity-based policy allows the kms:GenerateDataKey action`,
  });
  await expect(its.send(dataKey(mine, 'b'))).rejects.toMatchObject({
    name: 'AccessDeniedException',
    $metadata: { httpStatusCode: 400 },
  });
  const decrypt = new DecryptCommand({
    CiphertextBlob: got.CiphertextBlob,
    EncryptionContext: { cluster: 'a', backup: 'label' },
  });
  await expect(its.send(decrypt)).rejects.toThrow('not authorized to perform: kms:Decrypt');
  expect((await kms().send(decrypt)).Plaintext).toEqual(got.Plaintext);

  await kms().send(new CreateAliasCommand({ AliasName: 'alias/a', TargetKeyId: mine }));
  expect((await its.send(dataKey('alias/a', 'a'))).KeyId).toBe(mine);
});

test('round-trips a data key of a multi-Region key, within its encryption context', async () => {
  const key = await makeKey();
  expect(key).toMatch(/:key\/mrk-[0-9a-f]{32}$/);
  const { CiphertextBlob, Plaintext } = await kms().send(dataKey(key, 'a'));
  const decrypt = (cluster: string) =>
    kms().send(
      new DecryptCommand({ CiphertextBlob, EncryptionContext: { cluster, backup: 'label' } }),
    );
  expect((await decrypt('a')).Plaintext).toEqual(Plaintext);
  await expect(decrypt('b')).rejects.toMatchObject({ name: 'InvalidCiphertextException' });
});

test("obeys a key policy's Deny, and an Allow that names the role alone", async () => {
  const key = await makeKey();
  const pair = await moto.putPrincipal({ name: 'hf.test.b', roleArn, policies: [] });
  const setPolicy = (...Statement: object[]) =>
    kms().send(
      new PutKeyPolicyCommand({
        KeyId: key,
        PolicyName: 'default',
        Policy: JSON.stringify({ Statement: [...Statement, ownerMayPutPolicies] }),
      }),
    );
  const everything = { Effect: 'Allow', Action: 'kms:*', Resource: '*' };
  const ownerMayPutPolicies = {
    ...{ Effect: 'Allow', Action: 'kms:PutKeyPolicy', Resource: '*' },
    Principal: { AWS: 'arn:aws:iam::000000000000:root' },
  };
  await setPolicy({ ...everything, Principal: { AWS: roleArn } });
  await kms(pair).send(dataKey(key, 'a'));
  // Whoever may do everything else is bound by it as well.
  await expect(kms().send(dataKey(key, 'a'))).rejects.toThrow(/kms:GenerateDataKey/);
  await setPolicy(
    { ...everything, Principal: { AWS: roleArn } },
    {
      Effect: 'Deny',
      Principal: '*',
      Action: 'kms:Generate*',
      Resource: '*',
      Condition: { ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam::*:role/holdfast/backup/*' } },
    },
  );
  await expect(kms(pair).send(dataKey(key, 'a'))).rejects.toThrow(
    'with an explicit deny in a resource-based policy',
  );
});

test("makes CloudFormation's multi-Region keys usable", async () => {
  const forAll = { Effect: 'Allow', Principal: { AWS: '*' }, Action: 'kms:*', Resource: '*' };
  const TemplateBody = JSON.stringify({
    Resources: {
      Key: {
        Type: 'AWS::KMS::Key',
        Properties: { MultiRegion: true, KeyPolicy: { Statement: [forAll] } },
      },
    },
  });
  const stacks = new CloudFormationClient(options(moto.admin));
  await stacks.send(new CreateStackCommand({ StackName: 'keys', TemplateBody }));
  const { StackResources } = await stacks.send(
    new DescribeStackResourcesCommand({ StackName: 'keys' }),
  );
  const KeyId = String(StackResources?.[0]?.PhysicalResourceId);
  const { KeyMetadata } = await kms().send(new DescribeKeyCommand({ KeyId }));
  expect(KeyMetadata).toMatchObject({ MultiRegion: true, KeyId: expect.stringMatching(/^mrk-/) });
  expect((await kms().send(dataKey(KeyId, 'a'))).KeyId).toBe(KeyMetadata?.Arn);
});

test('matches secrets and parameters by their ARNs', async () => {
  const secrets = (pair = moto.admin) => new SecretsManagerClient(options(pair));
  const make = async (Name: string) =>
    String((await secrets().send(new CreateSecretCommand({ Name, SecretString: 'x' }))).ARN);
  const [one, two] = [await make('one'), await make('two')];
  const Name = '/holdfast/test/vault';
  const ssm = (pair = moto.admin) => new SSMClient(options(pair));
  await ssm().send(new PutParameterCommand({ Name, Value: 'x', Type: 'String' }));
  const pair = await moto.putPrincipal({
    name: 'hf.test.c',
    policies: [
      allow('secretsmanager:GetSecretValue', one),
      allow('ssm:GetParameter', `arn:aws:ssm:*:*:parameter${Name}`),
    ],
  });
  const read = (SecretId: string) => secrets(pair).send(new GetSecretValueCommand({ SecretId }));
  expect((await read(one)).SecretString).toBe('x');
  expect((await read('one')).SecretString).toBe('x');
  await expect(read(two)).rejects.toMatchObject({ name: 'AccessDeniedException' });
  expect((await ssm(pair).send(new GetParameterCommand({ Name }))).Parameter?.Value).toBe('x');
  await expect(ssm(pair).send(new GetParameterCommand({ Name: '/other' }))).rejects.toThrow(
    'arn:aws:ssm:eu-central-1:000000000000:parameter/other',
  );
});

test('refuses key pairs it does not know, and wrong secrets', async () => {
  const unknown = { accessKeyId: 'AKIAUNKNOWN000000000', secretAccessKey: 'x' };
  const wrong = { ...moto.admin, secretAccessKey: 'wrong' };
  const describe = (pair: KeyPair) => kms(pair).send(new DescribeKeyCommand({ KeyId: 'x' }));
  await expect(describe(unknown)).rejects.toMatchObject({ name: 'UnrecognizedClientException' });
  await expect(describe(wrong)).rejects.toMatchObject({ name: 'InvalidSignatureException' });
});

test('answers for services that others stand in for', async () => {
  const cluster = 'arn:aws:ecs:eu-central-1:000000000000:cluster/c';
  const Condition = { ArnEquals: { 'ecs:cluster': cluster } };
  const resource = 'arn:aws:ecs:eu-central-1:000000000000:task-definition/f:1';
  const { accessKeyId } = await moto.putPrincipal({
    name: 'hf.test.d',
    policies: [allow('ecs:RunTask', resource, { Condition })],
  });
  const question = { accessKeyId, action: 'ecs:RunTask', resource };
  const context = { 'ecs:cluster': cluster };
  expect(await moto.authorize({ ...question, context })).toBeUndefined();
  expect(await moto.authorize(question)).toContain('is not authorized to perform: ecs:RunTask');
});

const allow = (action: string | string[], resource: string, more: object = {}) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: action, Resource: resource, ...more }],
});
