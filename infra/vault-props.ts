import type { LockMode } from '../contract/names.ts';

/** What `PostgresVault` is given. */
export interface PostgresVaultProps {
  /**
   * Name of the environment: 1 to 20 characters out of a-z, 0-9 and -. The names of roles, parameters
   * and keys are made from it. It is unique in the account, not only in its Region: roles belong to
   * none, so a second Region's deployment under the same name fails.
   */
  readonly environmentName: string;
  /**
   * Lock of an object that comes without one, and of clusters without a retention. Days, from
   * `minLockDays` and 2 more to 1 below `maxLockDays`: 3 to 399 unless these are given.
   */
  readonly retentionDays: number;
  /**
   * Name of the bucket. It cannot be changed after the first deployment.
   * @default - `holdfast-<environmentName>-<account>-<region>`
   */
  readonly bucketName?: string;
  /**
   * `COMPLIANCE`: nobody, root included, can shorten a lock. `GOVERNANCE`: the bucket policy alone
   * keeps privileged users from it.
   * @default 'COMPLIANCE'
   */
  readonly lockMode?: LockMode;
  /**
   * The vault refuses locks that end sooner. Days.
   * @default 1
   */
  readonly minLockDays?: number;
  /**
   * The vault refuses locks that end later. Days.
   * @default 400
   */
  readonly maxLockDays?: number;
  /**
   * Whether locks of more than 400 days are meant, under `COMPLIANCE`: nobody can end them, or their
   * costs, but by closing the account.
   * @default false
   */
  readonly acknowledgeLongLocks?: boolean;
  /**
   * Mail addresses that are told when somebody lays hands on the vault. Each has to confirm.
   * @default - nobody, until somebody subscribes to the topic
   */
  readonly alarmEmails?: readonly string[];
  /**
   * Clusters that get a key. `PostgresBackups` adds its own.
   * @default - none
   */
  readonly clusterNames?: readonly string[];
}
