import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { buildProgram } from '../../cli/main.ts';
import { ExitCode } from '../../contract/exit-codes.ts';
import { VERSION } from '../../contract/version.ts';
import { exampleCli } from './example-cli.ts';
import { testIo } from './test-io.ts';

const cli = exampleCli();

test('help names every exit status that the command can end with', async () => {
  const { out } = await cli.run('--help');
  const listed = [...out.matchAll(/^ {1,3}(\d+) {2}\S/gm)].map(([, status]) => Number(status));
  // Only functions end with it.
  const all = Object.values(ExitCode).filter((status) => status !== ExitCode.NotTold);
  expect(listed).toEqual(all);
  for (const command of ['list', 'show', 'verify', 'backup', 'restore']) {
    expect((await cli.run(command, '--help')).out).toContain(
      'Exit statuses: those of holdfast --help',
    );
  }
});

test('prints its version, which is that of the manifests', async () => {
  const { status, out } = await cli.run('--version');
  expect({ status, out }).toEqual({ status: 0, out: `${VERSION}\n` });
});

test('the reference has every option, and help says what must be given', async () => {
  const text = await readFile(new URL('../../docs/reference.md', import.meta.url), 'utf8');
  const reference = text.slice(text.indexOf('## The holdfast command'));
  const commands = buildProgram(testIo(cli.fake)).commands;
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
  const { out } = await cli.run('restore', '--help');
  // A name like that of a database that --replace keeps would be taken for one.
  expect(out).not.toMatch(/--into \S+_before/);
  expect(out).toContain('PGPASSWORD');
  expect(out).toMatch(/^ {2}holdfast restore .*--kind physical/m);
  expect(out).toContain('1 to 64');
  expect(out).toContain('HOLDFAST_SPOOL_DIRECTORY');
});

test('what PostgreSQL is to run is shown as its service finds it, and as the reference has it', async () => {
  const reference = await readFile(new URL('../../docs/reference.md', import.meta.url), 'utf8');
  for (const command of ['wal-push', 'wal-fetch']) {
    const { out } = await cli.run(command, '--help');
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
    const { status, out } = await cli.run(command, '--help');
    expect(status).toBe(0);
    expect(out).toMatch(/^Examples?:\n {2}holdfast /m);
  }
  expect((await cli.run('--help')).out).toContain(' 30  the restore was refused');
});
