import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { formatBytes, formatSeconds } from '../../cli/format.ts';
import { buildProgram, main } from '../../cli/main.ts';
import { findTargetUri } from '../../cli/target-uri.ts';
import { HoldfastError } from '../../contract/errors.ts';
import { ExitCode } from '../../contract/exit-codes.ts';
import { buildManifest } from '../../contract/manifest.ts';
import { manifestKey } from '../../contract/vault-keys.ts';
import { VERSION } from '../../contract/version.ts';
import { awsError } from '../../vault/aws-errors.ts';
import { putExampleBackup } from '../containers/restore/example-backup.ts';
import { examplePhysicalManifest } from '../fixtures/example-physical-manifest.ts';
import { rawDataKeys } from '../vault/example-message.ts';
import { type FakeS3, put, startFakeS3 } from '../vault/fake-s3.ts';
import { testIo } from './test-io.ts';

const LABEL = '20261120T030000Z-logical-full-7f3a9c';
const PHYSICAL = '20261120T040000Z-physical-full-8a4b0d';

let fake: FakeS3;
beforeEach(async () => {
  fake = await startFakeS3();
  await putExampleBackup(fake, rawDataKeys(), { files: { 'toc.dat': Buffer.from('x') } });
});
afterEach(() => fake.close());

async function run(...argv: string[]) {
  const io = testIo(fake);
  const status = await main(argv, io);
  return { status, out: io.out(), err: io.err() };
}

test('lists backups as a table, and as JSON', async () => {
  const { status, out, err } = await run('list');
  expect(status).toBe(0);
  const [head, row] = out.split('\n');
  expect(head).toMatch(
    /^LABEL +CLUSTER +KIND +TYPE +RESTS ON +AGE +DATA AS OF +SOURCE +DATABASES +SIZE +STORED +LOCKED/,
  );
  expect(row).toMatch(
    /^20261120T030000Z-logical-full-7f3a9c {2}orders +logical +full +- +1 h +2026-11-20 03:00:00Z +replica +shop +9\.5 MiB/,
  );
  expect(err).toBe('');
  const json = JSON.parse((await run('list', '--cluster', 'orders', '--json')).out);
  expect(json.backups[0]).toMatchObject({ label: LABEL, dataAsOf: '2026-11-20T03:00:00Z' });
});

test.each([
  ['retired', { orders: { version: 1, retired: true } }],
  ['not configured', {}],
] as const)('says whose backups are left, of a cluster that is %s', async (state, configured) => {
  const table = testIo(fake, {}, configured);
  await main(['list'], table);
  expect(table.out()).toContain(`orders (${state})`);
  const json = testIo(fake, {}, { ...configured, fresh: { version: 1, retired: false } });
  await main(['list', '--json'], json);
  expect(JSON.parse(json.out()).clusters).toEqual([
    { name: 'fresh', state: 'configured', recovery: null },
    { name: 'orders', state, recovery: null },
  ]);
});

test('lists what it can when one manifest is unreadable, and warns', async () => {
  put(fake, 'clusters/orders/catalog/20261121T030000Z-logical-full-000000.json', '{"version": 99}');
  const { status, out, err } = await run('list');
  expect(status).toBe(0);
  expect(out.split('\n')).toHaveLength(4);
  expect(err).toContain('is a manifest of version 99');
});

test('describes a backup in words', async () => {
  const { status, out } = await run('show', LABEL, '--cluster', 'orders');
  expect(status).toBe(0);
  expect(out).toContain('replica replica.example:5432, 0.5 s behind');
  expect(out).toContain('COMPLIANCE, until 2026-12-20');
  expect(out).toContain('role passwords (not asked for)');
  expect(out).toMatch(/^Same instant: +no: each database is as of an instant of its own/m);
  expect(out).toMatch(/^Dump runs: +1 within this backup/m);
  expect(out).toContain('at WAL position (LSN) ');
});

test.each([
  [['nope'], 2, "unknown command 'nope'"],
  [['list', '--cluster', 'A B'], 2, '1 to 40 characters'],
  [['show', '--cluster', 'orders'], 2, "missing required argument 'label'"],
  [['show', 'x', '--cluster', 'orders'], 2, 'holds no backup x'],
  [['list', '--environment', 'NO'], 2, '--environment'],
  [['restore', '--cluster', 'orders', '--database', 'shop'], 2, 'Where to restore was not said'],
  [['restore', '--cluster', 'orders', '--database', 'shop', '--jobs', '0'], 2, '1 to 64'],
  [['restore', '--cluster', 'orders'], 2, 'What to restore was not said'],
  [['restore', '--cluster', 'orders', '--all', '--database', 'shop'], 2, 'exclude each other'],
  [['restore', '--cluster', 'orders', '--all', '--into', 'x'], 2, 'several are to be restored'],
  [
    ['restore', '--cluster', 'orders', '--database', 'shop', '--table', 't', '--replace'],
    2,
    'Where to put single tables was not said',
  ],
  [
    ['restore', '--cluster', 'orders', '--database', 'shop', '--schema', 's', '--into', 'shop'],
    2,
    'Where to put single tables was not said',
  ],
  [
    ['restore', '--cluster', 'orders', '--database', 'shop', '--rescue', '--into', 'shop'],
    2,
    'none was named',
  ],
  [
    ['restore', '--cluster', 'orders', '--database', 'shop', '--rescue', '--table', 't'],
    2,
    'Where to put single tables was not said',
  ],
  [
    [
      ...['restore', '--cluster', 'orders', '--database', 'shop', '--rescue', '--table', 't'],
      ...['--into', 'shop', '--replace'],
    ],
    2,
    '--rescue and --replace exclude each other',
  ],
  [
    ['restore', '--cluster', 'orders', '--database', 'nope', '--to', 'postgresql://u@h/'],
    2,
    '"nope"',
  ],
  [
    ['restore', '--cluster', 'none', '--database', 'shop', '--to', 'postgresql://u@h/'],
    2,
    'There is no cluster "none"',
  ],
])('refuses %j', async (argv, status, message) => {
  const found = await run(...argv);
  expect(found.status).toBe(status);
  expect(found.err).toContain('error ');
  expect(found.err).toContain('hint: ');
  expect(found.err).toContain(message);
  const json = JSON.parse((await run(...argv, '--json')).out);
  expect(json.error).toMatchObject({ exit: status, message: expect.stringContaining(message) });
});

test('refuses options of the other kind of backup, each of them', async () => {
  const restoring = buildProgram(testIo(fake)).commands.find((one) => one.name() === 'restore');
  const values: Record<string, string> = {
    ...{ '--target-time': '2026-11-20T03:00:00Z', '--target-lsn': '0/1', '--target-xid': '7' },
    ...{ '--target': 'immediate', '--target-action': 'promote', '--target-timeline': 'latest' },
    ...{ '--tablespace-mapping': '/a=/b', '--port': '5433', '--jobs': '2' },
  };
  const either = ['--environment', '--json', '--cluster', '--kind', '--label', '--release'];
  either.push('--to-file', '--ca', '--staging', '--pg-bin');
  const found = { physical: 0, logical: 0 };
  for (const { long, flags, description } of restoring?.options ?? []) {
    if (long === undefined || long === null || either.includes(long)) continue;
    const of = description.startsWith('physical: ') ? 'physical' : 'logical';
    const argv = ['restore', '--cluster', 'orders', long];
    // What is a default counts, too, where it is given.
    if (/[<[]/.test(flags)) argv.push(values[long] ?? 'x');
    if (of === 'logical') argv.push('--kind', 'physical', '--directory', '/nowhere');
    const { status, err } = await run(...argv);
    expect(err).toContain(`${long} is about ${of} backups.`);
    expect(status, long).toBe(ExitCode.Usage);
    found[of] += 1;
  }
  expect(found.physical).toBeGreaterThan(10);
  expect(found.logical).toBeGreaterThan(10);
  const several = ['--directory', '/nowhere', '--target-time', '2026-11-20T03:00:00Z'];
  expect((await run('restore', '--cluster', 'orders', ...several)).err).toContain(
    '--directory, --target-time are about physical backups.',
  );
});

test.each([
  [
    ['--kind', 'physical', '--directory', '/x', '--slot', 'abc'],
    '--slot does nothing without --standby.',
  ],
  // Also what it would be anyway.
  [
    ['--kind', 'physical', '--directory', '/x', '--slot', 'holdfast_standby'],
    '--slot does nothing',
  ],
  [
    ['--kind', 'physical', '--directory', '/x', '--ca', 'c'],
    '--ca does nothing without --standby.',
  ],
  [['--kind', 'physical', '--directory', '/x', '--to-file', 'f'], '--to-file does nothing without'],
  [
    ['--kind', 'physical', '--directory', '/x', '--target-exclusive'],
    '--target-exclusive does nothing without one of --target-time, --target-lsn, --target-xid.',
  ],
  [
    ['--kind', 'physical', '--directory', '/x', '--target-name', 'n', '--target-exclusive'],
    '--target-exclusive does nothing without',
  ],
  [['--database', 'shop', '--no-roles'], '--no-roles does nothing without --all.'],
  [['--release', '/x'], '--cluster does nothing with it.'],
  [['--release', '/x', '--directory', '/y'], '--cluster, --directory do nothing with it.'],
  [['--label', PHYSICAL, '--database', 'shop'], `${PHYSICAL} is a physical backup.`],
  [['--label', LABEL, '--kind', 'physical'], `${LABEL} is a logical backup.`],
])('refuses what would do nothing, or something else: restore %j', async (argv, message) => {
  const { status, err } = await run('restore', '--cluster', 'orders', ...argv);
  expect(err).toContain(message);
  expect(err).toMatch(/^error REQUEST_INVALID: /);
  expect(status).toBe(ExitCode.Usage);
});

test.each([
  [['--cluster', 'none', '--all', '--no-roles', '--to', 'postgresql://u@h/', '--ca', '/x']],
  [
    [
      '--cluster',
      'none',
      '--kind',
      'physical',
      '--directory',
      '/x',
      '--standby',
      'postgresql://u@h/',
    ],
  ],
  [
    [
      ...['--cluster', 'none', '--kind', 'physical', '--directory', '/x', '--target-exclusive'],
      ...['--target-time', '2026-11-20T03:00:00Z', '--label', PHYSICAL],
    ],
  ],
])('takes what does something: restore %j', async (argv) => {
  expect((await run('restore', ...argv)).err).toContain('There is no cluster "none"');
});

test('a directory is released whatever kind is named', async () => {
  const argv = ['restore', '--release', '/nowhere', '--kind', 'physical', '--environment', 'test'];
  expect((await run(...argv)).err).toContain('/nowhere is no data directory in quarantine.');
});

test('the physical label of a logical restore is told with what to add', async () => {
  const argv = ['restore', '--cluster', 'orders', '--label', PHYSICAL, '--all'];
  expect((await run(...argv)).err).toContain('hint: Add --kind physical and --directory DIR');
});

test('a type of backup without the kind that has one is refused before anything is asked', async () => {
  const argv = ['backup', '--cluster', 'orders', '--type', 'incremental'];
  const { status, err } = await run(...argv);
  expect(status).toBe(ExitCode.Usage);
  expect(err).toBe(
    'error REQUEST_INVALID: --type is about physical backups.\nhint: Add --kind physical, or leave it out.\n',
  );
  // Asked for, and refused by nobody but the function that is none here.
  expect((await run(...argv, '--kind', 'physical')).err).toContain('start-task refused');
  expect((await run('backup', '--cluster', 'orders')).err).toContain('start-task refused');
});

test('help names every exit status that the command can end with', async () => {
  const { out } = await run('--help');
  const listed = [...out.matchAll(/^ {1,3}(\d+) {2}\S/gm)].map(([, status]) => Number(status));
  // Only functions end with it.
  const all = Object.values(ExitCode).filter((status) => status !== ExitCode.NotTold);
  expect(listed).toEqual(all);
  for (const command of ['list', 'show', 'verify', 'backup', 'restore']) {
    expect((await run(command, '--help')).out).toContain('Exit statuses: those of holdfast --help');
  }
});

test('prints its version, which is that of the manifests', async () => {
  const { status, out } = await run('--version');
  expect({ status, out }).toEqual({ status: 0, out: `${VERSION}\n` });
});

test('the reference has every option, and help says what must be given', async () => {
  const text = await readFile(new URL('../../docs/reference.md', import.meta.url), 'utf8');
  const reference = text.slice(text.indexOf('## The holdfast command'));
  const commands = buildProgram(testIo(fake)).commands;
  expect(commands.map((command) => command.name())).toEqual([
    ...['list', 'show', 'verify', 'backup', 'restore'],
    'wal-fetch',
    'wal-push',
  ]);
  for (const { flags, mandatory, description } of commands.flatMap(({ options }) => options)) {
    expect(reference).toContain(flags.startsWith('--no-wait') ? '`--no-wait`' : flags);
    expect(description.endsWith('required'), flags).toBe(
      mandatory ||
        /^--(environment|database|to) /.test(flags) ||
        // Needed but for --release.
        description.startsWith('the cluster that was backed up'),
    );
  }
  const { out } = await run('restore', '--help');
  // A name like that of a database that --replace keeps would be taken for one.
  expect(out).not.toMatch(/--into \S+_before/);
  expect(out).toContain('PGPASSWORD');
  expect(out).toMatch(/^ {2}holdfast restore .*--kind physical/m);
  expect(out).toContain('1 to 64');
  expect(out).toContain('HOLDFAST_SPOOL_DIRECTORY');
});

test('a cluster that is neither configured nor in the vault is refused with those that are', async () => {
  const io = testIo(fake, {}, { fresh: { version: 1, retired: false } });
  expect(await main(['list', '--cluster', 'nope'], io)).toBe(ExitCode.Usage);
  expect(io.err()).toContain('error CLUSTER_UNKNOWN: There is no cluster "nope"');
  expect(io.err()).toContain('hint: Use one of these: fresh, orders\n');
  // Known, by the file alone or by the vault alone.
  expect(await main(['list', '--cluster', 'fresh'], io)).toBe(ExitCode.Ok);
  expect(io.out()).toBe('The vault holds no backup of the cluster "fresh".\n');
  expect(await main(['list', '--cluster', 'orders'], io)).toBe(ExitCode.Ok);
});

test.each([
  ['restore', '--database', 'shop', '--to', 'postgresql://u@h/'],
  ['restore', '--kind', 'physical', '--directory', '/nowhere'],
  ['show', LABEL],
])('%s tells a wrong name from a cluster without backups', async (command, ...more) => {
  const io = testIo(fake, {}, { fresh: { version: 1, retired: false } });
  expect(await main([command, '--cluster', 'nope', ...more], io)).toBe(ExitCode.Usage);
  expect(io.err()).toContain('error CLUSTER_UNKNOWN: There is no cluster "nope"');
  expect(io.err()).toContain('hint: Use one of these: fresh, orders\n');
  const fresh = testIo(fake, {}, { fresh: { version: 1, retired: false } });
  expect(await main([command, '--cluster', 'fresh', ...more], fresh)).toBe(ExitCode.Usage);
  expect(fresh.err()).toContain('error BACKUP_UNKNOWN: The cluster "fresh" has no backup yet.');
  const physical = more.includes('physical') ? ' --kind physical' : '';
  expect(fresh.err()).toContain(`hint: Take one: holdfast backup --cluster fresh${physical}\n`);
});

/** `list --json` where the first call fails so. */
async function failed(name: string, message: string, env: Record<string, string> = {}) {
  const failure = Object.assign(new Error(message), { name, $metadata: { httpStatusCode: 403 } });
  const io = testIo(fake, env, undefined, {
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

test('what PostgreSQL is to run is shown as its service finds it, and as the reference has it', async () => {
  const reference = await readFile(new URL('../../docs/reference.md', import.meta.url), 'utf8');
  for (const command of ['wal-push', 'wal-fetch']) {
    const { out } = await run(command, '--help');
    const [, line = ''] =
      /^ {2}((?:archive|restore)_command = 'AWS_REGION=\S+ .*\/usr\/local\/bin\/holdfast .*')$/m.exec(
        out,
      ) ?? [];
    expect(line).toContain(` holdfast ${command} `.replace(' ', '/'));
    expect(reference).toContain(line);
  }
});

test('shows help with an example for each command, and succeeds', async () => {
  for (const command of ['list', 'show', 'verify', 'backup', 'restore']) {
    const { status, out } = await run(command, '--help');
    expect(status).toBe(0);
    expect(out).toMatch(/^Examples?:\n {2}holdfast /m);
  }
  expect((await run('--help')).out).toContain(' 30  the restore was refused');
});

test('hands on what the vault refused, with its exit status', async () => {
  fake.refuse = () => 'AccessDenied';
  const { status, err } = await run('list');
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
  const io = testIo(fake, {}, {}, decrypting ? { dataKeysFor: refuse } : { openVault: refuse });
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
  const io = testIo(fake, {}, undefined, {
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
  put(fake, manifestKey('orders', examplePhysicalManifest().label), manifest);
  const io = testIo(fake, {}, undefined, {
    dataKeysFor: () => Promise.reject(awsError(failure, 'kms:Decrypt', KEY)),
  });
  expect(await main(['list'], io)).toBe(ExitCode.Ok);
  expect(io.err()).toContain('warning: orders: The recovery window is not known: kms:Decrypt on ');
  expect(io.err()).toContain(` This takes the role ${READING}`);
});

test('takes the URI from option, file or environment, and warns of a password in an argument', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'uri-test-'));
  const toFile = join(directory, 'uri');
  await writeFile(toFile, 'postgresql://u:p@file/\n');
  const io = testIo(fake, { HOLDFAST_RESTORE_URI: 'postgresql://u:p@env/' });
  expect(await findTargetUri({}, io)).toContain('@env/');
  expect(await findTargetUri({ toFile }, io)).toBe('postgresql://u:p@file/');
  expect(await findTargetUri({ to: 'postgresql://u@option/' }, io)).toContain('@option/');
  expect(io.err()).toBe('');
  await findTargetUri({ to: 'postgresql://u:geheim@option/' }, io);
  expect(io.err()).toContain('visible to others');
  expect(io.err()).not.toContain('geheim');
  await expect(findTargetUri({ to: 'a', toFile }, io)).rejects.toBeInstanceOf(HoldfastError);
  const standby = testIo(fake);
  await findTargetUri({ to: 'postgresql://u:geheim@option/' }, standby, '--standby');
  expect(standby.err()).toMatch(/^warning: the password in --standby is visible to others/);
  await expect(findTargetUri({ to: 'a', toFile }, standby, '--standby')).rejects.toThrow(
    '--standby with a URI and --to-file exclude each other.',
  );
  await expect(findTargetUri({}, standby, '--standby')).rejects.toMatchObject({
    message: 'Of which server was not said.',
    hint: 'Give --standby URI, --to-file FILE, or HOLDFAST_RESTORE_URI.',
  });
  await rm(directory, { recursive: true });
});

test('writes sizes and times for people', () => {
  expect([0, 1023, 1024, 1536, 150 * 1024, 1024 ** 4].map(formatBytes)).toEqual([
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '150 KiB',
    '1.0 TiB',
  ]);
  expect([0.84, 12, 60, 312, 3600, 273_600].map(formatSeconds)).toEqual([
    '0.8 s',
    '12 s',
    '1 min',
    '5 min 12 s',
    '1 h',
    '3 d 4 h',
  ]);
});
