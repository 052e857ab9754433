import { DecryptCommand, GenerateDataKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  backupRoleName,
  clusterStateName,
  restoreRoleName,
  startTaskFunctionName,
} from '../../contract/environment-names.ts';
import { StartTaskAnswer } from '../../contract/request.ts';
import { artifactKey } from '../../contract/vault-keys.ts';
import { type Identity, type LocalCloud, startLocalCloud } from './local-cloud.ts';
import type { Model } from './model.ts';

const LABEL = '20261120T030000Z-logical-full-7f3a9c';
const DUE = new Date('2026-11-20T03:00:00Z');

let cloud: LocalCloud;
beforeAll(async () => {
  cloud = await startLocalCloud({ environment: 'local-several', beside: ['local-beside'] });
  await cloud.primary.query('create database ledger');
  await cloud.primary.query('create table entry as select generate_series(1, 1000) as id', {
    database: 'ledger',
  });
  await cloud.standby.waitForReplay();
  // One server serves both: what matters here is whose backups they are.
  await cloud.connectSource('legacy', cloud);
}, 240_000);
afterAll(() => cloud.stop(), 60_000);

test('two of three clusters have schedules, and their backups lie in one vault', async () => {
  const names = cloud.model.schedules.map(({ name }) => name).sort();
  expect(names).toEqual(['legacy_daily', 'orders_daily']);
  for (const cluster of ['orders', 'legacy']) {
    const { payload, failed } = await cloud.fireSchedule(cluster, 'daily', DUE);
    expect({ failed, payload }).toMatchObject({ failed: false });
    const { taskArn } = StartTaskAnswer.parse(payload);
    expect(await cloud.waitForTask(taskArn, { timeoutSeconds: 120 })).toMatchObject({
      exitCode: 0,
    });
  }
  expect(await standings()).toEqual({
    billing: 'retired',
    legacy: 'configured',
    orders: 'configured',
  });
});

test('the retired one takes no backup, and what is in its vault can still be decrypted', async () => {
  const event = { action: 'backup', cluster: 'billing', kind: 'logical' };
  const answer = await cloud.invoke(startTaskFunctionName('local-several'), event);
  expect(answer).toMatchObject({ failed: true, payload: { errorType: 'CLUSTER_RETIRED' } });
  expect(await decrypts('local-several', await dataKey('local-several', 'billing'))).toBe(32);
});

test('environments in one account have nothing of each other', async () => {
  const theirs = cloud.model.buckets.find(({ name }) => name !== cloud.bucket)?.name ?? '';
  expect(theirs).toContain('local-beside');
  const ours = cloud.asRole(backupRoleName('local-several', 'orders'));
  const Key = artifactKey('orders', LABEL, 'one');
  await expect(put(ours, theirs, Key)).rejects.toThrow(/s3:PutObject/);
  await put(cloud.asRole(backupRoleName('local-beside', 'orders')), theirs, Key, 'GOVERNANCE');
  const restore = s3(cloud.asRole(restoreRoleName('local-several')));
  await expect(restore.send(new GetObjectCommand({ Bucket: theirs, Key }))).rejects.toThrow(
    /s3:GetObject/,
  );
  // The same cluster's name, another environment's key.
  const key = await dataKey('local-beside', 'orders');
  await expect(decrypts('local-several', key)).rejects.toThrow(/kms:Decrypt/);
  expect(await decrypts('local-beside', key)).toBe(32);
});

test('a cluster that was taken out keeps its backups, which can be listed and restored', async () => {
  const before = cloud.model;
  const after = await cloud.deployAgain('node test/fixtures/without-cluster-app.ts legacy');
  expect(after.schedules.map(({ name }) => name)).toEqual(['orders_daily']);
  expect(rolesOf(after, 'legacy')).toEqual([]);
  const restoreRole = restoreRoleName('local-several');
  expect(rolesOf(after, restoreRole)).toEqual(rolesOf(before, restoreRole));
  await expect(
    ssm().send(new GetParameterCommand({ Name: clusterStateName('local-several', 'legacy') })),
  ).rejects.toThrow(/ParameterNotFound|not found/i);

  expect(await standings()).toMatchObject({ legacy: 'not configured', orders: 'configured' });
  const { stdout } = await cloud.holdfast(['list']);
  expect(stdout).toContain('legacy (not configured)');
  const { exitCode, stderr } = await cloud.holdfast(
    ['restore', '--cluster', 'legacy', '--database', 'ledger', '--into', 'ledger_restored'],
    { env: { HOLDFAST_RESTORE_URI: cloud.primary.uri } },
  );
  expect(exitCode, stderr).toBe(0);
  const { rows } = await cloud.primary.query('select count(*)::int as entries from entry', {
    database: 'ledger_restored',
  });
  expect(rows).toEqual([{ entries: 1000 }]);
});

async function standings(): Promise<Record<string, string>> {
  const { stdout, stderr } = await cloud.holdfast(['list', '--json']);
  expect(stderr).toBe('');
  const { clusters } = JSON.parse(stdout) as { clusters: { name: string; state: string }[] };
  return Object.fromEntries(clusters.map(({ name, state }) => [name, state]));
}

function rolesOf({ roles }: Model, name: string): unknown[] {
  return roles
    .filter((role) => role.name === name || role.name.endsWith(`.${name}`))
    .map(({ policies }) => policies);
}

/** A data key of a cluster's, as its backup role makes it. */
async function dataKey(environment: string, cluster: string) {
  const definition = [...cloud.model.taskDefinitions.values()].find(
    ({ family }) => family === `holdfast_${environment}_backup_${cluster}`,
  );
  const KeyId = definition?.container.environment.HOLDFAST_KMS_KEY_ARN;
  const kms = new KMSClient(connection(cloud.asRole(backupRoleName(environment, cluster))));
  const EncryptionContext = { cluster };
  const { CiphertextBlob } = await kms.send(
    new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256', EncryptionContext }),
  );
  return { CiphertextBlob, EncryptionContext };
}

/** @returns the length of the key that an environment's restore role decrypts. */
async function decrypts(
  environment: string,
  key: Awaited<ReturnType<typeof dataKey>>,
): Promise<number | undefined> {
  const kms = new KMSClient(connection(cloud.asRole(restoreRoleName(environment))));
  return (await kms.send(new DecryptCommand(key))).Plaintext?.length;
}

function connection(of: Identity) {
  return {
    endpoint: of.environment.AWS_ENDPOINT_URL ?? '',
    region: cloud.region,
    credentials: of,
    maxAttempts: 1,
  };
}

function ssm(): SSMClient {
  return new SSMClient(connection(cloud.principals.admin));
}

function s3(of: Identity): S3Client {
  return new S3Client({ ...connection(of), endpoint: cloud.s3Endpoint });
}

function put(
  of: Identity,
  Bucket: string,
  Key: string,
  ObjectLockMode: 'COMPLIANCE' | 'GOVERNANCE' = 'COMPLIANCE',
) {
  const ObjectLockRetainUntilDate = new Date(Date.now() + 7 * 24 * 3600 * 1000);
  const lock = { ObjectLockMode, ObjectLockRetainUntilDate };
  return s3(of).send(
    new PutObjectCommand({ Bucket, Key, Body: 'content', IfNoneMatch: '*', ...lock }),
  );
}
