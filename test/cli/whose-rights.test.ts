import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { main } from '../../cli/main.ts';
import { ExitCode } from '../../contract/exit-codes.ts';
import { buildManifest } from '../../contract/manifest.ts';
import { manifestKey } from '../../contract/vault-keys.ts';
import { awsError } from '../../vault/aws-errors.ts';
import { examplePhysicalManifest } from '../fixtures/example-physical-manifest.ts';
import { put } from '../vault/fake-s3.ts';
import { exampleCli } from './example-cli.ts';
import { testIo } from './test-io.ts';

const cli = exampleCli();
const LABEL = '20261120T030000Z-logical-full-7f3a9c';

/** `list --json` where the first call fails so. */
async function failed(name: string, message: string, env: Record<string, string> = {}) {
  const failure = Object.assign(new Error(message), { name, $metadata: { httpStatusCode: 403 } });
  const io = testIo(cli.fake, env, undefined, {
    openVault: () => Promise.reject(awsError(failure, 'ssm:GetParameter', '/holdfast/test/vault')),
  });
  return { status: await main(['list', '--json'], io), error: JSON.parse(io.out()).error };
}

test.each([
  ...['CredentialsProviderError', 'ExpiredToken', 'ExpiredTokenException', 'InvalidAccessKeyId'],
  ...['SignatureDoesNotMatch', 'InvalidSignatureException', 'UnrecognizedClientException'],
  ...['IncompleteSignature', 'IncompleteSignatureException', 'MissingAuthenticationToken'],
])(
  'credentials that are missing, wrong or expired are no failure of the vault: %s',
  async (name) => {
    const { status, error } = await failed(name, 'Could not load credentials');
    expect(status).toBe(ExitCode.Configuration);
    expect(error).toMatchObject({
      code: 'ENVIRONMENT_INVALID',
      retryable: false,
      hint: expect.stringContaining('run it again with others (AWS_PROFILE, '),
    });
  },
);

test.each([
  ['RequestTimeTooSkewed', 'The difference between the request time and the current is too large.'],
  ['RequestExpired', 'Request has expired.'],
  ['InvalidSignatureException', 'Signature expired: 20261120T030000Z is now earlier than …'],
  ['SignatureDoesNotMatch', 'Signature not yet current: 20261120T030000Z is still later than …'],
])('a clock that is wrong is told as that: %s', async (name, message) => {
  const { status, error } = await failed(name, message);
  expect(status).toBe(ExitCode.Configuration);
  expect(error).toMatchObject({
    code: 'ENVIRONMENT_INVALID',
    hint: expect.stringMatching(/^Set this machine's clock: /),
  });
});

test('a profile that is in no file of this user is named', async () => {
  const home = await mkdtemp(join(tmpdir(), 'profile-test-'));
  await mkdir(join(home, '.aws'));
  const config = join(home, '.aws', 'config');
  await writeFile(config, '[default]\n[profile other]\nregion = x\n[bare]\n');
  await writeFile(join(home, '.aws', 'credentials'), '[ keys ]\naws_access_key_id = x\n');
  const hintFor = async (AWS_PROFILE: string, more: Record<string, string> = {}) => {
    const env = { HOME: home, AWS_PROFILE, ...more };
    return (await failed('CredentialsProviderError', 'none', env)).error.hint;
  };
  const missing = (name: string, file = config) =>
    expect.stringContaining(`AWS_PROFILE is "${name}", and there is no such profile in ${file}: `);
  const there = expect.stringContaining('run it again with others');
  expect(await hintFor('holdfast')).toEqual(missing('holdfast'));
  // In this file a section of a profile begins so, and without the word it is none.
  expect(await hintFor('bare')).toEqual(missing('bare'));
  for (const name of ['', 'other', 'default', 'keys']) expect(await hintFor(name)).toEqual(there);
  const elsewhere = { AWS_CONFIG_FILE: '/nowhere/config' };
  expect(await hintFor('other', elsewhere)).toEqual(missing('other', '/nowhere/config'));
  await rm(home, { recursive: true });
});

test('hands on what the vault refused, with its exit status', async () => {
  cli.fake.refuse = () => 'AccessDenied';
  const { status, err } = await cli.run('list');
  expect(status).toBe(20);
  expect(err).toMatch(/^error VAULT_DENIED: s3:ListBucketVersions/);
});

const KEY = 'arn:aws:kms:eu-central-1:111122223333:key/mrk-1';
const READING =
  'holdfast/restore/hf.test: run it under that (AWS_PROFILE), and give its rights to no';
const PUSHING =
  'holdfast/push/hp.test.orders (docs/reference.md, "A host that pushes its WAL"): run it under that';

test.each([
  ['list', '--cluster', 'orders'],
  ['show', LABEL, '--cluster', 'orders'],
  ['verify', '--cluster', 'orders', '--full'],
  ['restore', '--cluster', 'orders', '--database', 'shop', '--to', 'postgresql://u@h/'],
  ['restore', '--kind', 'physical', '--cluster', 'orders', '--directory', '/nowhere'],
  ['wal-fetch', '--cluster', 'orders', '000000010000000000000001', '/nowhere/x'],
])('what is denied to another role is no reason to widen that: %s', async (...argv) => {
  const failure = Object.assign(new Error('no'), { name: 'AccessDeniedException' });
  const refuse = () => Promise.reject(awsError(failure, 'kms:Decrypt', KEY));
  const decrypting = argv[0] === 'verify' || argv[0] === 'wal-fetch';
  const io = testIo(cli.fake, {}, {}, decrypting ? { dataKeysFor: refuse } : { openVault: refuse });
  expect(await main(argv, io)).toBe(argv[0] === 'wal-fetch' ? 126 : ExitCode.VaultDenied);
  expect(io.err()).toContain(`error VAULT_DENIED: kms:Decrypt on ${KEY} failed`);
  expect(io.err()).toContain(`\nhint: This takes the role ${READING}`);
  expect(io.err()).toContain(`If it runs under that: Allow kms:Decrypt on ${KEY} to this role (`);
});

test('what is denied to another role while WAL is pushed names the role of such a host', async () => {
  const data = await mkdtemp(join(tmpdir(), 'push-test-'));
  await mkdir(join(data, 'global'));
  await mkdir(join(data, 'pg_wal'));
  await writeFile(join(data, 'global', 'pg_control'), Buffer.alloc(20));
  const file = join(data, 'pg_wal', '000000010000000000000001');
  await writeFile(file, 'x');
  const failure = Object.assign(new Error('no'), { name: 'AccessDeniedException' });
  const io = testIo(cli.fake, {}, undefined, {
    openWalVault: () => Promise.reject(awsError(failure, 'kms:GenerateDataKey', KEY)),
  });
  const argv = ['wal-push', '--cluster', 'orders', '--state', join(data, 'state'), file];
  expect(await main(argv, io)).toBe(ExitCode.VaultDenied);
  expect(io.err()).toContain(`\nhint: This takes the role ${PUSHING}`);
  await rm(data, { recursive: true });
});

test('a recovery window that another role may not know says whose right it is', async () => {
  const failure = Object.assign(new Error('no'), { name: 'AccessDeniedException' });
  const manifest = buildManifest(examplePhysicalManifest({ cluster: 'orders' }));
  put(cli.fake, manifestKey('orders', examplePhysicalManifest().label), manifest);
  const io = testIo(cli.fake, {}, undefined, {
    dataKeysFor: () => Promise.reject(awsError(failure, 'kms:Decrypt', KEY)),
  });
  expect(await main(['list'], io)).toBe(ExitCode.Ok);
  expect(io.err()).toContain('warning: orders: The recovery window is not known: kms:Decrypt on ');
  expect(io.err()).toContain(` This takes the role ${READING}`);
});
