import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildProgram } from '../../cli/main.ts';
import { findTargetUri } from '../../cli/target-uri.ts';
import { HoldfastError } from '../../contract/errors.ts';
import { ExitCode } from '../../contract/exit-codes.ts';
import { exampleCli } from './example-cli.ts';
import { testIo } from './test-io.ts';

const cli = exampleCli();
const LABEL = '20261120T030000Z-logical-full-7f3a9c';
const PHYSICAL = '20261120T040000Z-physical-full-8a4b0d';

test('refuses options of the other kind of backup, each of them', async () => {
  const restoring = buildProgram(testIo(cli.fake)).commands.find((one) => one.name() === 'restore');
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
    const { status, err } = await cli.run(...argv);
    expect(err).toContain(`${long} is about ${of} backups.`);
    expect(status, long).toBe(ExitCode.Usage);
    found[of] += 1;
  }
  expect(found.physical).toBeGreaterThan(10);
  expect(found.logical).toBeGreaterThan(10);
  const several = ['--directory', '/nowhere', '--target-time', '2026-11-20T03:00:00Z'];
  expect((await cli.run('restore', '--cluster', 'orders', ...several)).err).toContain(
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
  [
    ['--kind', 'physical', '--directory', '/x', '--target-time', '2026-02-30T03:00:00Z'],
    'It must be a time with its offset',
  ],
  [['--database', 'shop', '--no-roles'], '--no-roles does nothing without --all.'],
  [['--release', '/x'], '--cluster does nothing with it.'],
  [['--release', '/x', '--directory', '/y'], '--cluster, --directory do nothing with it.'],
  [['--label', PHYSICAL, '--database', 'shop'], `${PHYSICAL} is a physical backup.`],
  [['--label', LABEL, '--kind', 'physical'], `${LABEL} is a logical backup.`],
])('refuses what would do nothing, or something else: restore %j', async (argv, message) => {
  const { status, err } = await cli.run('restore', '--cluster', 'orders', ...argv);
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
  expect((await cli.run('restore', ...argv)).err).toContain('There is no cluster "none"');
});

test('a directory is released whatever kind is named', async () => {
  const argv = ['restore', '--release', '/nowhere', '--kind', 'physical', '--environment', 'test'];
  expect((await cli.run(...argv)).err).toContain('/nowhere is no data directory in quarantine.');
});

test('the physical label of a logical restore is told with what to add', async () => {
  const argv = ['restore', '--cluster', 'orders', '--label', PHYSICAL, '--all'];
  expect((await cli.run(...argv)).err).toContain('hint: Add --kind physical and --directory DIR');
});

test('takes the URI from option, file or environment, and warns of a password in an argument', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'uri-test-'));
  const toFile = join(directory, 'uri');
  await writeFile(toFile, 'postgresql://u:p@file/\n');
  const io = testIo(cli.fake, { HOLDFAST_RESTORE_URI: 'postgresql://u:p@env/' });
  expect(await findTargetUri({}, io)).toContain('@env/');
  expect(await findTargetUri({ toFile }, io)).toBe('postgresql://u:p@file/');
  expect(await findTargetUri({ to: 'postgresql://u@option/' }, io)).toContain('@option/');
  expect(io.err()).toBe('');
  await findTargetUri({ to: 'postgresql://u:geheim@option/' }, io);
  expect(io.err()).toContain('visible to others');
  expect(io.err()).not.toContain('geheim');
  await expect(findTargetUri({ to: 'a', toFile }, io)).rejects.toBeInstanceOf(HoldfastError);
  const standby = testIo(cli.fake);
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
