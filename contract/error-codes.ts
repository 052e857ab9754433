import { ExitCode } from './exit-codes.ts';

/** What one error code stands for. */
export interface ErrorCodeEntry {
  readonly exit: ExitCode;
  /** Whether the same request may succeed when tried again, under a new label, with nothing changed. */
  readonly retryable: boolean;
  readonly meaning: string;
}

/**
 * Every error code there is. Codes are stable: scripts and alarms match on them.
 * `docs/errors.md` lists them, and a test compares the two.
 */
export const ERROR_CODES = {
  INTERNAL: entry(ExitCode.Internal, false, 'A defect of Holdfast, or a failure nobody foresaw.'),
  REQUEST_INVALID: entry(ExitCode.Usage, false, 'The request or the command line is wrong.'),
  CLUSTER_UNKNOWN: entry(ExitCode.Usage, false, 'No cluster of that name is configured here.'),
  CLUSTER_RETIRED: entry(ExitCode.Usage, false, 'The cluster takes no more backups.'),
  BACKUP_UNKNOWN: entry(ExitCode.Usage, false, 'No backup of that label is in the vault.'),
  DATABASE_UNKNOWN: entry(ExitCode.Usage, false, 'The backup holds no database of that name.'),
  TABLE_UNKNOWN: entry(
    ExitCode.Usage,
    false,
    'The dump holds no table, or no schema, of that name.',
  ),
  BACKUP_RUNNING: entry(
    ExitCode.Busy,
    true,
    'A backup of this cluster and kind runs already; another one was not started.',
  ),
  TASK_NOT_STARTED: entry(
    ExitCode.SourceUnavailable,
    true,
    'ECS could not start the task: throttling, no capacity, or a role that it could not assume yet.',
  ),
  TASK_REFUSED: entry(
    ExitCode.Configuration,
    false,
    'The task may not be started or looked at, or ECS refused it, for a reason that does not pass by itself.',
  ),
  ENVIRONMENT_INVALID: entry(
    ExitCode.Configuration,
    false,
    "An environment variable is missing or wrong; of the command also AWS credentials, Region, or the environment's name.",
  ),
  SECRET_INVALID: entry(
    ExitCode.Configuration,
    false,
    'The secret with the connection URIs is malformed.',
  ),
  SECRET_UNREADABLE: entry(
    ExitCode.Configuration,
    false,
    'The secret with the connection URIs cannot be read.',
  ),
  CLIENT_MISSING: entry(
    ExitCode.Configuration,
    false,
    'A PostgreSQL client program is missing or of the wrong major version.',
  ),
  SOURCE_UNREACHABLE: entry(
    ExitCode.SourceUnavailable,
    true,
    'None of the URIs answered, or the connection broke.',
  ),
  SOURCE_TLS: entry(
    ExitCode.SourceRefused,
    false,
    "The server's certificate does not prove that it is the host in the URI.",
  ),
  SOURCE_AUTHENTICATION: entry(
    ExitCode.SourceRefused,
    false,
    'The server refused the user or the password.',
  ),
  SOURCE_NOT_REPLICA: entry(
    ExitCode.SourceRefused,
    true,
    'No replica among the sources, and the primary is not allowed.',
  ),
  SOURCE_LAGGING: entry(
    ExitCode.SourceRefused,
    true,
    'The replica is further behind than the configuration allows.',
  ),
  SOURCE_VERSION: entry(
    ExitCode.SourceRefused,
    false,
    "The server's major version is not the image's.",
  ),
  SOURCE_BALANCED: entry(
    ExitCode.SourceRefused,
    false,
    'Connections to one address land on different servers.',
  ),
  SOURCE_POOLER: entry(
    ExitCode.SourceRefused,
    false,
    'The address is that of a pooler that switches servers between transactions.',
  ),
  SOURCE_RIGHTS: entry(
    ExitCode.SourceRefused,
    false,
    'The role lacks a right that the backup needs.',
  ),
  SOURCE_DATABASE: entry(
    ExitCode.SourceRefused,
    false,
    'A database that the configuration names is missing or cannot be dumped, or none is left.',
  ),
  SOURCE_SETTINGS: entry(
    ExitCode.SourceRefused,
    false,
    'A setting of the server stands in the way of what is asked of it.',
  ),
  SOURCE_CONFLICT: entry(
    ExitCode.SourceUnavailable,
    true,
    'The replica cancelled the dump, because replay needed what it was reading.',
  ),
  SOURCE_NOT_PAUSED: entry(
    ExitCode.SourceUnavailable,
    true,
    'Replay on the replica did not stand still when it was paused.',
  ),
  SOURCE_CHANGED: entry(
    ExitCode.SourceUnavailable,
    true,
    'The server was restarted, promoted or replaced during the backup; or databases were renamed, or tables loaded anew, as it began; or it was left behind by a failover.',
  ),
  SOURCE_DAMAGED: entry(
    ExitCode.SourceDamaged,
    false,
    'Pages of the server have wrong checksums; the base backup was published, marked as damaged.',
  ),
  DUMP_FAILED: entry(
    ExitCode.DumpFailed,
    true,
    'pg_dump, pg_dumpall or pg_basebackup ended with an error.',
  ),
  DUMP_INCOMPLETE: entry(
    ExitCode.DumpFailed,
    true,
    "The dump's files are not all that its table of contents, or its backup_manifest, names.",
  ),
  BACKUP_FAILED: entry(
    ExitCode.DumpFailed,
    false,
    "A backup's task failed; the command ends with the task's own status, if it had one.",
  ),
  DEADLINE_EXCEEDED: entry(
    ExitCode.Deadline,
    false,
    'The run took longer than the configuration allows.',
  ),
  STALLED: entry(ExitCode.Deadline, true, 'The dump stopped making progress.'),
  VAULT_DENIED: entry(
    ExitCode.VaultDenied,
    false,
    'S3 or KMS refused an action that the role needs.',
  ),
  VAULT_UNAVAILABLE: entry(
    ExitCode.VaultUnavailable,
    true,
    'S3 or KMS could not be reached, or kept failing.',
  ),
  LABEL_TAKEN: entry(
    ExitCode.LabelTaken,
    true,
    'Another task has written under this label, and published no backup.',
  ),
  VAULT_INTEGRITY: entry(
    ExitCode.VaultIntegrity,
    false,
    'An object is not what its manifest says, or cannot be decrypted.',
  ),
  WAL_CONFLICT: entry(
    ExitCode.VaultIntegrity,
    false,
    'The vault holds other WAL than the server has under the same name: two servers, or two histories of one.',
  ),
  LEASE_LOST: entry(
    ExitCode.Busy,
    true,
    "Another task streams the cluster's WAL now, or the lease could not be renewed in time.",
  ),
  WAL_GAP: entry(
    ExitCode.VaultIntegrity,
    false,
    'WAL is missing from the vault, and other WAL comes after it.',
  ),
  VERIFY_FAILED: entry(
    ExitCode.VaultIntegrity,
    false,
    'holdfast verify found what cannot be restored, or what somebody laid hands on.',
  ),
  MANIFEST_INVALID: entry(
    ExitCode.VaultIntegrity,
    false,
    'A manifest cannot be read by this version of Holdfast.',
  ),
  SPOOL_UNUSABLE: entry(ExitCode.Spool, false, "The spool's directory cannot be used."),
  SPOOL_STALLED: entry(
    ExitCode.Spool,
    true,
    'The spool stayed full: uploads did not keep up for too long.',
  ),
  RESTORE_REFUSED: entry(
    ExitCode.RestoreRefused,
    false,
    'The restore was refused before it changed anything.',
  ),
  TARGET_UNREACHABLE: entry(
    ExitCode.RestoreRefused,
    false,
    'No base backup and WAL in the vault lead to the recovery target.',
  ),
  RESTORE_FAILED: entry(
    ExitCode.RestoreFailed,
    true,
    'The restore failed; what it had built was dropped, unless the message says otherwise.',
  ),
  NOT_TOLD: entry(
    ExitCode.NotTold,
    true,
    'What became of a task could not be told, or its next attempt could not be scheduled.',
  ),
  TERMINATED: entry(ExitCode.Terminated, true, 'The run was told to stop.'),
} as const satisfies Record<string, ErrorCodeEntry>;

export type ErrorCode = keyof typeof ERROR_CODES;

function entry(exit: ExitCode, retryable: boolean, meaning: string): ErrorCodeEntry {
  return { exit, retryable, meaning };
}
