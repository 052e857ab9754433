import { type Command, InvalidArgumentError, Option } from 'commander';
import { EnvironmentVariable } from '../contract/environment-variables.ts';
import { BACKUP_KINDS, ClusterName } from '../contract/names.ts';
import { checkedBy } from './checked-by.ts';
import { PASSWORD_VARIABLE, RESTORE_URI_VARIABLE } from './target-uri.ts';

const MAX_JOBS = 64;

const MORE = `
The URI may also stand in ${RESTORE_URI_VARIABLE}. Its password, percent-encoded, belongs into that variable or
the file of --to-file, or, as it is, into ${PASSWORD_VARIABLE}: others on the machine see what --to says. TLS is verify-full unless its sslmode says otherwise.
A database is built under a temporary name and renamed when it is complete; several get their names
together, once the last is complete. With --replace, sessions on the old ones are ended at that moment.
A table comes with its rows, indexes, constraints, sequences, triggers, policies and grants, and with the
types and functions that these need. Foreign keys to tables that were not chosen are left out, and named.
With --rescue tables come into a new schema restored_<day>_<hash> of a database that is in use, in one
transaction, and nothing that is there is touched.
With --all, roles that the target has are left as they are.

Examples:
  holdfast restore --environment prod --cluster orders --database shop --into shop_copy \\
    --to postgresql://admin@db.example.com:5432/postgres
  holdfast restore --environment prod --cluster orders --database shop --table public.invoice \\
    --into rescued --to postgresql://admin@db.example.com:5432/postgres
  holdfast restore --environment prod --cluster orders --database shop --table public.invoice \\
    --rescue --into shop --to postgresql://admin@db.example.com:5432/postgres
  holdfast restore --environment prod --cluster orders --all --to-file /run/secrets/new-server
  holdfast restore --environment prod --kind physical --cluster orders \\
    --directory /var/lib/postgresql/17/main --target-time 2026-11-20T03:00:00Z`;

/** The options of `holdfast restore`, and its help. */
export function addRestoreOptions(command: Command): Command {
  return command
    .option('--cluster <NAME>', 'the cluster that was backed up; required', checkedBy(ClusterName))
    .addOption(
      new Option('--kind <KIND>', 'the kind of backup').choices(BACKUP_KINDS).default('logical'),
    )
    .option('--label <LABEL>', 'which backup; without it, the latest')
    .option(
      '--database <NAME>',
      'a database in the backup; given more than once, several; this or --all is required',
      collect,
    )
    .option('--all', 'all databases, and the roles', false)
    .option('--no-roles', 'with --all: leave out the roles')
    .option(
      '--table <NAME>',
      'only this table (view, sequence) and what belongs to it; may be repeated; needs --into',
      collect,
    )
    .option('--schema <NAME>', 'only this schema; may be repeated; needs --into', collect)
    .option(
      '--rescue',
      'bring these into the database --into, in use, in a schema of their own',
      false,
    )
    .option(
      '--to <URI>',
      `the target server's URI, with its password in ${PASSWORD_VARIABLE}; this, --to-file or ${RESTORE_URI_VARIABLE} is required`,
    )
    .option('--to-file <FILE>', 'a file that holds that URI, or that of --standby')
    .option('--into <NAME>', "the restored database's name; without it, the one in the backup")
    .option('--replace', 'take the place of databases of that name, which are kept renamed', false)
    .option('--no-owner', 'leave out owners, and what needs roles that the target lacks')
    .option('--no-privileges', 'leave out grants and default privileges')
    .option('--no-tablespaces', "put everything into the target's default tablespace")
    .option('--no-subscriptions', 'leave out subscriptions, which are always left out and listed')
    .option(
      '--role <NAME>',
      'act as this role, of which the user is a member: it owns what is made, and needs CREATEDB',
    )
    .addOption(
      new Option('--jobs <N>', `parallel workers of pg_restore, 1 to ${MAX_JOBS}`)
        .default(2)
        .argParser(jobsFrom),
    )
    .option(
      '--staging <DIR>',
      `directory for what is not loaded as it comes, decrypted; without it, ${EnvironmentVariable.SpoolDirectory}, else the one for temporary files`,
    )
    .option(
      '--pg-bin <DIR>',
      'where pg_restore and vacuumdb are, or the server programs of a physical restore; without it, PATH, then /usr/lib/postgresql/<major>/bin',
    )
    .option(
      '--ca <FILE>',
      "PEM of the authority that signed the certificate of the target, or of --standby's server",
    )
    .addHelpText('after', MORE);
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

function jobsFrom(text: string): number {
  const jobs = Number(text);
  if (Number.isInteger(jobs) && jobs >= 1 && jobs <= MAX_JOBS) return jobs;
  throw new InvalidArgumentError(`It must be a number from 1 to ${MAX_JOBS}.`);
}
