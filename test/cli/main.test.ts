import { expect, test } from 'vitest';
import { ExitCode } from '../../contract/exit-codes.ts';
import { exampleCli } from './example-cli.ts';

const cli = exampleCli();

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
  const found = await cli.run(...argv);
  expect(found.status).toBe(status);
  expect(found.err).toContain('error ');
  expect(found.err).toContain('hint: ');
  expect(found.err).toContain(message);
  const json = JSON.parse((await cli.run(...argv, '--json')).out);
  expect(json.error).toMatchObject({ exit: status, message: expect.stringContaining(message) });
});

test('a type of backup without the kind that has one is refused before anything is asked', async () => {
  const argv = ['backup', '--cluster', 'orders', '--type', 'incremental'];
  const { status, err } = await cli.run(...argv);
  expect(status).toBe(ExitCode.Usage);
  expect(err).toBe(
    'error REQUEST_INVALID: --type is about physical backups.\nhint: Add --kind physical, or leave it out.\n',
  );
  // Asked for, and refused by nobody but the function that is none here.
  expect((await cli.run(...argv, '--kind', 'physical')).err).toContain('start-task refused');
  expect((await cli.run('backup', '--cluster', 'orders')).err).toContain('start-task refused');
});
