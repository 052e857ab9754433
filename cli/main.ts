import { Command, InvalidArgumentError, Option } from 'commander';
import { EnvironmentVariable } from '../contract/environment-variables.ts';
import { ExitCode } from '../contract/exit-codes.ts';
import { BACKUP_KINDS, BACKUP_TYPES, ClusterName, EnvironmentName } from '../contract/names.ts';
import { VERSION } from '../contract/version.ts';
import { backup } from './backup.ts';
import { checkedBy } from './checked-by.ts';
import {
  BACKUP_HELP,
  EXIT_CODES,
  VERIFY_HELP,
  WAL_FETCH_HELP,
  WAL_PUSH_HELP,
  WHERE_EXIT_CODES,
} from './help-texts.ts';
import type { Io } from './io.ts';
import { list } from './list.ts';
import {
  assertLabelOf,
  assertOptionsOf,
  assertOptionsOfRelease,
  assertTypeOf,
} from './options-of-kind.ts';
import { addPhysicalOptions, type PhysicalRestoreOptions, position } from './physical-options.ts';
import { printError, usageError } from './print-error.ts';
import { releaseRestored } from './release.ts';
import { restore } from './restore.ts';
import { addRestoreOptions } from './restore-options.ts';
import { restorePhysicalBackup } from './restore-physical.ts';
import { pushRole, restoreRole, workUnder } from './role-of-work.ts';
import { show } from './show.ts';
import { verify } from './verify.ts';
import { walFetch } from './wal-fetch.ts';
import { walPush } from './wal-push.ts';
import type { RestoreOptions } from './what-to-restore.ts';

/**
 * The `holdfast` command. Prints to `io`, never ends the process.
 *
 * @param argv arguments, without the program's name.
 * @returns the exit status.
 */
export async function main(argv: readonly string[], io: Io): Promise<ExitCode> {
  let status: ExitCode = ExitCode.Ok;
  try {
    await buildProgram(io, (its) => {
      status = its;
    }).parseAsync([...argv], { from: 'user' });
    return status;
  } catch (error) {
    const failed = printError(error, argv.includes('--json'), io);
    // PostgreSQL takes a lower status for the end of WAL.
    return argv[0] === 'wal-fetch' && failed !== ExitCode.Ok ? ExitCode.RecoveryMustStop : failed;
  }
}

/**
 * The commands and their options.
 *
 * @param onStatus told of an exit status that is no error's.
 */
export function buildProgram(io: Io, onStatus?: (status: ExitCode) => void): Command {
  const program = new Command('holdfast')
    .description('PostgreSQL backups in a locked vault: look at them, restore them.')
    .version(VERSION, '--version', 'print the version')
    .addHelpText('after', EXIT_CODES);
  settle(program, io);

  common(program, io, 'list', 'list the backups of one cluster, or of all')
    .option('--cluster <NAME>', 'of this cluster only', checkedBy(ClusterName))
    .addOption(new Option('--kind <KIND>', 'of this kind only').choices(BACKUP_KINDS))
    .addHelpText('after', '\nExample:\n  holdfast list --environment prod --cluster orders')
    .action((options) => {
      const where = environmentOf(options, io);
      return untilStopped(io.signal, reading(where, list({ ...options, ...where }, io)));
    });

  common(program, io, 'show', 'describe one backup')
    .argument('<label>', 'label of the backup, as list shows it')
    .requiredOption('--cluster <NAME>', 'its cluster; required', checkedBy(ClusterName))
    .addHelpText(
      'after',
      '\nExample:\n  holdfast show 20261120T030000Z-logical-full-7f3a9c --environment prod --cluster orders',
    )
    .action((label, options) => {
      const where = environmentOf(options, io);
      return untilStopped(io.signal, reading(where, show({ ...options, label, ...where }, io)));
    });

  common(program, io, 'verify', 'look whether everything in the vault is whole')
    .option('--cluster <NAME>', 'of this cluster only', checkedBy(ClusterName))
    .option('--label <LABEL>', 'of this backup only, and those that it rests on; needs --cluster')
    .option('--full', 'also fetch, decrypt and hash everything', false)
    .addHelpText('after', VERIFY_HELP)
    .action((options) => {
      const where = environmentOf(options, io);
      return untilStopped(io.signal, reading(where, verify({ ...options, ...where }, io)));
    });

  common(program, io, 'backup', 'take a backup now, and see it to its end')
    .requiredOption('--cluster <NAME>', 'the cluster; required', checkedBy(ClusterName))
    .addOption(
      new Option('--kind <KIND>', 'the kind of backup').choices(BACKUP_KINDS).default('logical'),
    )
    .addOption(
      new Option('--type <TYPE>', 'of a physical backup: what it may rest on')
        .choices(BACKUP_TYPES)
        .default('full'),
    )
    .option('--no-wait', 'print the label once the task has been started, and end')
    .addHelpText('after', BACKUP_HELP)
    .action((options, command: Command) => {
      assertTypeOf(options.kind, command);
      return backup({ ...options, ...environmentOf(options, io) }, io);
    });

  addPhysicalOptions(
    addRestoreOptions(
      common(
        program,
        io,
        'restore',
        'restore databases into an existing server, or a whole server',
      ),
    ),
  ).action((options: RestoreOptions & PhysicalRestoreOptions, command: Command) => {
    const { release } = options;
    if (release !== undefined) {
      assertOptionsOfRelease(command);
      return releaseRestored({ ...options, release }, io);
    }
    assertOptionsOf(options.kind, command);
    assertLabelOf(options.kind, options.label);
    if (options.cluster === undefined) {
      throw usageError('Which cluster to restore was not said.', 'Give --cluster NAME.');
    }
    const where = { ...options, ...environmentOf(options, io) };
    const restoring = options.kind === 'physical' ? restorePhysicalBackup : restore;
    return reading(where, restoring(where, io));
  });

  common(program, io, 'wal-fetch', 'for restore_command: fetch a WAL file from the vault')
    .argument('<file>', 'its name: %f')
    .argument('<path>', 'where to put it: %p')
    .requiredOption('--cluster <NAME>', 'the cluster; required', checkedBy(ClusterName))
    .option(
      '--ahead <DIR>',
      "directory of its own, on the data directory's volume, for segments that are fetched before they are asked for",
    )
    .option(
      '--until <LSN>',
      'where recovery has a target: WAL may end here, also at a gap',
      position,
    )
    .addOption(
      new Option('--patience <SECONDS>', 'how long AWS is waited for where it is away, 0 to 3600')
        .argParser(wholeUpTo(3600))
        .default(120),
    )
    .addHelpText('after', WAL_FETCH_HELP)
    .action(async (file, path, options) =>
      onStatus?.(await walFetch(file, path, { ...options, ...environmentOf(options, io) }, io)),
    );

  common(program, io, 'wal-push', 'for archive_command: push a WAL file into the vault')
    .argument('<path>', 'the file: %p')
    .requiredOption('--cluster <NAME>', 'the cluster; required', checkedBy(ClusterName))
    .addOption(
      new Option('--batch <N>', 'files that are ready and pushed with it, 0 to 256')
        .argParser(wholeUpTo(256))
        .default(32),
    )
    .option(
      '--state <DIR>',
      'where it remembers them; without it, in the directory for temporary files',
    )
    .addHelpText('after', WAL_PUSH_HELP)
    .action((path, options) => {
      const where = environmentOf(options, io);
      const role = pushRole(where.environment, options.cluster);
      return workUnder(role, walPush(path, { ...options, ...where }, io));
    });
  return program;
}

function reading(where: { readonly environment: string }, work: Promise<void>): Promise<void> {
  return workUnder(restoreRole(where.environment), work);
}

/** A command with the options that all of them share. */
function common(program: Command, io: Io, name: string, description: string): Command {
  const command = program
    .command(name)
    .description(description)
    .option(
      '--environment <NAME>',
      `the environment; this or ${EnvironmentVariable.Environment} is required`,
      checkedBy(EnvironmentName),
    )
    .option('--json', 'print one JSON document', false);
  settle(command, io);
  command.addHelpText('after', WHERE_EXIT_CODES);
  return command;
}

function settle(command: Command, { stdout, stderr }: Io): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => stdout.write(text),
    writeErr: (text) => stderr.write(text),
    // Printed where all errors are, once it has been thrown.
    outputError: () => {},
  });
}

function environmentOf(
  { environment }: { readonly environment?: string },
  { env }: Io,
): { environment: string } {
  const name = environment ?? env[EnvironmentVariable.Environment];
  if (name !== undefined && EnvironmentName.safeParse(name).success) return { environment: name };
  throw usageError(
    name ? `"${name}" is no environment's name.` : 'Which environment was not said.',
    `Give --environment NAME, or set ${EnvironmentVariable.Environment}.`,
  );
}

function wholeUpTo(most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number <= most) return number;
    throw new InvalidArgumentError(`It must be a whole number from 0 to ${most}.`);
  };
}

/** For commands that leave nothing behind: a signal ends them without waiting for S3's answer. */
async function untilStopped(signal: AbortSignal, work: Promise<void>): Promise<void> {
  const stopped = Promise.withResolvers<never>();
  const stop = () => stopped.reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    await Promise.race([work, stopped.promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
