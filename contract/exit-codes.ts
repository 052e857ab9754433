/**
 * Exit statuses of the runner and of the `holdfast` command. They are data: `task-stopped` and
 * operators' scripts decide by them, so a number is never reused for another meaning.
 */
export const ExitCode = {
  /** The work was done. */
  Ok: 0,
  /** A defect of Holdfast, or a failure that nobody foresaw. */
  Internal: 1,
  /** The command line or the request is wrong; nothing was started. */
  Usage: 2,
  /** The configuration (environment, secret, options) is wrong; nothing was started. */
  Configuration: 3,
  /** A backup of this cluster and kind runs already; nothing was started. */
  Busy: 4,
  /** No source could be reached, or the connection to it broke. */
  SourceUnavailable: 10,
  /** A source was reached, but preflight refused it (lag, role, version, rights). */
  SourceRefused: 11,
  /** The dump failed, or could not be proven complete. */
  DumpFailed: 12,
  /** The run took too long, or stood still for too long. */
  Deadline: 13,
  /** The backup was published, and the server's own data is damaged. */
  SourceDamaged: 14,
  /** The vault or KMS refused what the role tried. */
  VaultDenied: 20,
  /** The vault or KMS could not be reached, or kept failing. */
  VaultUnavailable: 21,
  /** The label is taken, and no backup is published under it: another task holds it, or died with it. */
  LabelTaken: 22,
  /** What lies in the vault is not what its manifest says. */
  VaultIntegrity: 23,
  /** The spool's volume is unusable or stayed full. */
  Spool: 24,
  /** The restore was refused before it changed anything. */
  RestoreRefused: 30,
  /** The restore started and failed; what it had built was dropped. */
  RestoreFailed: 31,
  /** What became of a task could not be told. */
  NotTold: 40,
  /** `wal-fetch`: a WAL file is missing, or could not be looked for; the server that asked must stop. */
  RecoveryMustStop: 126,
  /** SIGTERM or SIGINT ended the run, which cleaned up after itself. */
  Terminated: 143,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
