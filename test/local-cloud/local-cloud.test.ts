import { DescribeTaskDefinitionCommand, ECSClient } from '@aws-sdk/client-ecs';
import {
  DecryptCommand,
  GenerateDataKeyCommand,
  KMSClient,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  backupRoleName,
  restoreRoleName,
  startTaskFunctionName,
  taskFamily,
} from '../../contract/environment-names.ts';
import { artifactKey } from '../../contract/vault-keys.ts';
import { type Identity, type LocalCloud, startLocalCloud } from './local-cloud.ts';
import { lookAround } from './look-around.ts';

const BACKUP_ROLE = backupRoleName('local', 'orders');
const LABEL = '20261120T030000Z-logical-full-7f3a9c';

let cloud: LocalCloud;
beforeAll(async () => {
  cloud = await startLocalCloud();
}, 180_000);
afterAll(() => cloud.stop(), 60_000);

test('the bucket has Object Lock, and a locked version outlives its administrator', async () => {
  const { ObjectLockConfiguration } = await cloud.s3.send(
    new GetObjectLockConfigurationCommand({ Bucket: cloud.bucket }),
  );
  expect(ObjectLockConfiguration).toMatchObject({
    ObjectLockEnabled: 'Enabled',
    Rule: { DefaultRetention: { Mode: 'COMPLIANCE' } },
  });
  const { VersionId } = await put(cloud.principals.admin, 'clusters/orders/locked');
  const remove = new DeleteObjectCommand({
    Bucket: cloud.bucket,
    Key: 'clusters/orders/locked',
    VersionId,
  });
  await expect(s3(cloud.principals.admin).send(remove)).rejects.toThrow(
    /AccessDenied|Access Denied/,
  );
});

test('each cluster has its image, whole, its server and its password, as they are', async () => {
  const servers = { orders: cloud, billing: { ...cloud, empty: cloud.standby } };
  const printed = lookAround(cloud, servers);
  const [primary, standby] = [cloud.primary, cloud.standby].map(({ uri }) =>
    uri.replaceAll("'", '%27'),
  );
  for (const name of ['orders', 'billing']) {
    const block = printed
      .slice(printed.indexOf(`  # ${name}\n`))
      .split('\n')
      .slice(1, 4);
    expect(block[0]).toBe(`  export IMAGE='${cloud.image}'`);
    expect(block[1]).toBe(`  export HOLDFAST_RESTORE_URI='${primary}'`);
    expect(block[2]).toContain(`"$IMAGE" holdfast restore --cluster ${name} `);
  }
  expect(printed).toContain(`  billing, empty: psql '${standby}`);
  const [, password = ''] = /orders, the password as it is: (.*)/.exec(printed) ?? [];
  expect(new URL(cloud.primary.uri).password).toBe(
    new URL(`x://:${encodeURIComponent(password)}@h`).password,
  );
});

test("a task definition names its image, as README's line asks for it", async () => {
  const { admin } = cloud.principals;
  const endpoint = admin.environment.AWS_ENDPOINT_URL_ECS ?? '';
  const ecs = new ECSClient({ ...connection(admin), endpoint });
  const family = taskFamily('local', 'orders');
  const { taskDefinition } = await ecs.send(
    new DescribeTaskDefinitionCommand({ taskDefinition: family }),
  );
  expect(taskDefinition?.containerDefinitions?.[0]?.image).toBe(cloud.image);
});

test('what is printed for a restore runs as it stands, under the restore role', async () => {
  const [, printed = ''] = lookAround(cloud).split('under the restore role, paste');
  expect(printed).toContain(cloud.principals.restore.secretAccessKey);
  const script = printed.split('\n').filter((line) => /^ {2}(export|podman) /.test(line));
  const answer = await execa('bash', ['-c', script.join('\n')], { reject: false, input: '' });
  expect(answer.stderr).toContain('BACKUP_UNKNOWN: The cluster "orders" has no backup yet.');
}, 60_000);

test('the backup role writes below its cluster, and neither elsewhere nor reads nor deletes', async () => {
  const role = cloud.asRole(BACKUP_ROLE);
  const Key = artifactKey('orders', LABEL, 'one');
  await put(role, Key);
  const where = { Bucket: cloud.bucket, Key };
  await expect(s3(role).send(new GetObjectCommand(where))).rejects.toThrow(/s3:GetObject/);
  await expect(s3(role).send(new DeleteObjectCommand(where))).rejects.toThrow(/s3:DeleteObject/);
  await expect(put(role, artifactKey('customers', LABEL, 'one'))).rejects.toThrow(/s3:PutObject/);
});

test('the backup role makes data keys for its own cluster and decrypts none', async () => {
  const kms = new KMSClient(connection(cloud.asRole(BACKUP_ROLE)));
  const KeyId = keyOfOrders();
  const generate = (cluster: string) =>
    kms.send(
      new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256', EncryptionContext: { cluster } }),
    );
  const { CiphertextBlob } = await generate('orders');
  await expect(generate('customers')).rejects.toThrow(/kms:GenerateDataKey/);
  const EncryptionContext = { cluster: 'orders' };
  const decrypt = new DecryptCommand({ CiphertextBlob, EncryptionContext });
  await expect(kms.send(decrypt)).rejects.toThrow(/kms:Decrypt/);
  // As on AWS: the key's policy binds whoever may do everything else.
  const administrator = new KMSClient(connection(cloud.principals.admin));
  await expect(administrator.send(decrypt)).rejects.toThrow(/kms:Decrypt/);
  const PendingWindowInDays = 7;
  await expect(
    administrator.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays })),
  ).rejects.toThrow(/kms:ScheduleKeyDeletion.*explicit deny/);
  const restore = new KMSClient(connection(cloud.asRole(restoreRoleName('local'))));
  expect((await restore.send(decrypt)).Plaintext).toHaveLength(32);
});

test.each(['s3:PutObject', 'kms:GenerateDataKey', 'secretsmanager:GetSecretValue'])(
  'without %s the role is refused by the server concerned, and allowed again afterwards',
  async (action) => {
    const role = cloud.asRole(BACKUP_ROLE);
    const calls: Record<string, () => Promise<unknown>> = {
      's3:PutObject': () => put(role, artifactKey('orders', LABEL, `${Date.now()}`)),
      'kms:GenerateDataKey': () =>
        new KMSClient(connection(role)).send(
          new GenerateDataKeyCommand({
            KeyId: keyOfOrders(),
            KeySpec: 'AES_256',
            EncryptionContext: { cluster: 'orders' },
          }),
        ),
      'secretsmanager:GetSecretValue': () =>
        new SecretsManagerClient(connection(role)).send(
          new GetSecretValueCommand({ SecretId: variable('HOLDFAST_SECRET_ID') }),
        ),
    };
    const call = calls[action] as () => Promise<unknown>;
    await call();
    const giveBack = await cloud.withoutPermission(BACKUP_ROLE, action);
    await expect(call()).rejects.toThrow(action);
    await giveBack();
    await call();
  },
);

test("a schedule's event starts a task under the backup role, by the function", async () => {
  const { payload, failed } = await cloud.fireSchedule(
    'orders',
    'daily',
    new Date('2026-11-20T03:00:00Z'),
  );
  expect({ payload, failed }).toMatchObject({
    failed: false,
    payload: { label: expect.stringMatching(/^20261120T030000Z-logical-full-/) },
  });
  const { taskArn } = payload as { taskArn: string };
  await cloud.stopTask(taskArn);
  const end = await cloud.waitForTask(taskArn, { timeoutSeconds: 60 });
  expect(end.stopCode).toBe('UserInitiated');
});

test('without lambda:InvokeFunction the schedule reaches nothing', async () => {
  const [schedule] = cloud.model.schedules;
  const role = schedule?.roleArn.split('/').at(-1) ?? '';
  const giveBack = await cloud.withoutPermission(role, 'lambda:InvokeFunction');
  await expect(cloud.fireSchedule('orders')).rejects.toThrow(/lambda:InvokeFunction/);
  await giveBack();
});

test('without iam:PassRole the function is refused, and its answer says so', async () => {
  const target = cloud.model.functions.get(startTaskFunctionName('local'));
  const role = target?.roleArn.split('/').at(-1) ?? '';
  const giveBack = await cloud.withoutPermission(role, 'iam:PassRole');
  const { failed, payload } = await cloud.fireSchedule('orders');
  await giveBack();
  expect(failed).toBe(true);
  expect(JSON.stringify(payload)).toContain('iam:PassRole');
});

interface Connection {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: Identity;
  readonly maxAttempts: number;
}

function connection(of: Identity): Connection {
  return {
    endpoint: of.environment.AWS_ENDPOINT_URL ?? '',
    region: cloud.region,
    credentials: of,
    maxAttempts: 1,
  };
}

function s3(of: Identity): S3Client {
  return new S3Client({ ...connection(of), endpoint: cloud.s3Endpoint });
}

function put(of: Identity, Key: string): Promise<{ VersionId?: string | undefined }> {
  return s3(of).send(
    new PutObjectCommand({
      Bucket: cloud.bucket,
      Key,
      Body: 'content',
      IfNoneMatch: '*',
      ObjectLockMode: 'COMPLIANCE',
      ObjectLockRetainUntilDate: new Date(Date.now() + 7 * 24 * 3600 * 1000),
    }),
  );
}

function variable(name: string): string {
  const [definition] = cloud.model.taskDefinitions.values();
  return definition?.container.environment[name] ?? '';
}

function keyOfOrders(): string {
  return variable('HOLDFAST_KMS_KEY_ARN');
}
