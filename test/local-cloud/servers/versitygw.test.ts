import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Certificates, makeCertificates } from './certificates.ts';
import type { KeyPair } from './key-pair.ts';
import { type Run, startRun } from './run.ts';
import { startVersitygw, type Versitygw } from './versitygw.ts';

/** What the S3 server has to refuse for the end-to-end tests to mean anything. */

let run: Run;
let certificates: Certificates;
let s3: Versitygw;
const Bucket = 'vault';
const locked = (days: number) => ({
  ObjectLockMode: 'COMPLIANCE' as const,
  ObjectLockRetainUntilDate: new Date(Date.now() + days * 86_400_000),
});
const client = (credentials: KeyPair) =>
  new S3Client({
    endpoint: s3.endpoint,
    region: s3.region,
    credentials,
    requestHandler: { httpsAgent: { ca: certificates.caPem } },
  });
const writer: KeyPair = { accessKeyId: 'AKIAWRITER0000000000', secretAccessKey: 'of a writer' };

beforeAll(async () => {
  run = await startRun();
  certificates = await makeCertificates(run);
  s3 = await startVersitygw({ run, certificates });
  await client(s3.root).send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
});
afterAll(async () => {
  await s3.stop();
  await run.stop();
});

test('refuses to delete a version under COMPLIANCE, to root too', async () => {
  const root = client(s3.root);
  const put = await root.send(
    new PutObjectCommand({ Bucket, Key: 'locked', Body: 'x', ...locked(1) }),
  );
  expect(put.VersionId).toBeDefined();
  const { VersionId } = put;
  await expect(
    root.send(new DeleteObjectCommand({ Bucket, Key: 'locked', VersionId })),
  ).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
});

test('refuses a second write under If-None-Match', async () => {
  const write = () =>
    client(s3.root).send(
      new PutObjectCommand({ Bucket, Key: 'once', Body: 'x', IfNoneMatch: '*', ...locked(1) }),
    );
  await write();
  await expect(write()).rejects.toMatchObject({ name: 'PreconditionFailed' });
});

test('gives a user its policies and nothing else, and takes them back', async () => {
  await s3.putPrincipal({
    name: 'hf.test.writer',
    ...writer,
    policies: [allow(['s3:PutObject', 's3:PutObjectRetention'], `arn:aws:s3:::${Bucket}/a/*`)],
  });
  const its = client(writer);
  const put = (Key: string) =>
    its.send(new PutObjectCommand({ Bucket, Key, Body: 'x', IfNoneMatch: '*', ...locked(1) }));
  await put('a/1');
  await expect(put('b/1')).rejects.toMatchObject({ name: 'AccessDenied' });
  const get = () => its.send(new GetObjectCommand({ Bucket, Key: 'a/1' }));
  await expect(get()).rejects.toMatchObject({ name: 'AccessDenied' });

  const policies = [allow('s3:GetObject', `arn:aws:s3:::${Bucket}/*`)];
  await s3.putPrincipal({ name: 'hf.test.writer', ...writer, policies });
  expect(await (await get()).Body?.transformToString()).toBe('x');
  await expect(put('a/2')).rejects.toMatchObject({ name: 'AccessDenied' });

  await s3.removePrincipal('hf.test.writer');
  await expect(get()).rejects.toMatchObject({ name: 'InvalidAccessKeyId' });
});

const allow = (action: string | string[], resource: string) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: action, Resource: resource }],
});
