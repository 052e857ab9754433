import { z } from 'zod';

/** `[a-z0-9-]{1,40}`: the cluster's place in every vault key. */
export const ClusterName = z
  .string()
  .regex(/^[a-z0-9-]{1,40}$/, 'must be 1 to 40 characters out of a-z, 0-9 and -');

/** The same alphabet; 20 characters, because it is a prefix of role names (64 at most on AWS). */
export const EnvironmentName = z
  .string()
  .regex(/^[a-z0-9-]{1,20}$/, 'must be 1 to 20 characters out of a-z, 0-9 and -');

/** A schedule's name within its cluster. */
export const ScheduleName = z
  .string()
  .regex(/^[a-z0-9-]{1,40}$/, 'must be 1 to 40 characters out of a-z, 0-9 and -');

export const BACKUP_KINDS = ['logical', 'physical'] as const;
export const BackupKind = z.enum(BACKUP_KINDS);
export type BackupKind = z.infer<typeof BackupKind>;

/** What a backup rests on: nothing, the last full backup, or the last backup of any type. */
export const BACKUP_TYPES = ['full', 'differential', 'incremental'] as const;
export const BackupType = z.enum(BACKUP_TYPES);
export type BackupType = z.infer<typeof BackupType>;

export const LOCK_MODES = ['COMPLIANCE', 'GOVERNANCE'] as const;
export const LockMode = z.enum(LOCK_MODES);
export type LockMode = z.infer<typeof LockMode>;

/** An instant in UTC, ISO 8601 with a `Z`. */
export const Instant = z.iso.datetime();
