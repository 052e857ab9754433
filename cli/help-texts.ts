/** What `--help` says behind a command's options. */
export const BACKUP_HELP = `
It takes lambda:InvokeFunction on start-task and ecs:DescribeTasks, which the restore role does not have.
Ctrl-C ends the watching, not the backup. The exit status is the task's.

Example:
  holdfast backup --environment prod --cluster orders --kind logical`;

export const WAL_FETCH_HELP = `
Its own exit statuses: 0 the file is there, 1 WAL ends before it (a history: there is none), 126 it is
missing though other WAL comes after it, or could not be looked for: PostgreSQL stops on that.
With --until, only where recovery has a target before it: else PostgreSQL would promote at a gap.

Example, in postgresql.conf, where the service's PATH is not yours:
  restore_command = 'AWS_REGION=eu-central-1 AWS_PROFILE=holdfast /usr/local/bin/holdfast wal-fetch --environment prod --cluster orders %f %p'`;

export const VERIFY_HELP = `
Without --full it looks at listings and heads: what is missing, written over, unlocked, or rests on what is
not there. It ends with 23 and VERIFY_FAILED when it finds an error (docs/errors.md has all findings).
Only a restore proves a backup.

Examples:
  holdfast verify --environment prod
  holdfast verify --environment prod --cluster orders --full`;

export const WAL_PUSH_HELP = `
It ends with 0 once the vault has the file, and with another status when it has not: PostgreSQL keeps the
file then, and asks again.

Example, in postgresql.conf, where the service's PATH is not yours:
  archive_command = 'AWS_REGION=eu-central-1 /usr/local/bin/holdfast wal-push --environment prod --cluster orders %p'`;

export const WHERE_EXIT_CODES = `
Exit statuses: those of holdfast --help; each error's code tells more (docs/errors.md).`;

export const EXIT_CODES = `
Exit statuses:
   0  done
   1  a defect, or a failure that nobody foresaw
   2  the command line is wrong, or names what does not exist
   3  the configuration or the AWS credentials are wrong, or a PostgreSQL program is missing
   4  backup: one of this cluster and kind runs already
  10  backup: the task was not started, or reached no source
  11  backup: the source was refused
  12  backup: the dump failed, or the task had no exit status
  13  backup: it took too long, or stood still
  14  backup: it was published, and the server's own pages are damaged
  20  the vault or KMS refused an action
  21  the vault or KMS could not be reached
  22  backup: its label was taken by another task
  23  what lies in the vault is not what was backed up
  24  backup: the task's disk
  30  the restore was refused before it changed anything
  31  the restore failed; what it had built was dropped
 126  wal-fetch: the WAL file is missing, or could not be looked for
 143  ended by SIGINT or SIGTERM, cleaned up
docs/errors.md has the error codes behind them.`;
