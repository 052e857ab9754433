import type { UnknownLag } from '../contract/cluster-options.ts';
import type { BackupKind, BackupType, LockMode } from '../contract/names.ts';
import type { NotificationOptions } from './check-notifications.ts';
import type { LogicalEnvironment } from './logical-environment.ts';
import type { PhysicalEnvironment, WalEnvironment } from './physical-environment.ts';

/** What `infra/environments/<name>.ts` exports by default: one vault and the clusters it serves. */
export interface Environment extends NotificationOptions {
  /**
   * The environment's name, equal to its file's: 1 to 20 characters out of a-z, 0-9 and -. Unique in
   * the account, in all its Regions together.
   */
  readonly name: string;
  /**
   * AWS account id, 12 digits. Given together with `region`, or not at all.
   * @default - the account of the credentials that deploy
   */
  readonly account?: string;
  /**
   * AWS region. Given together with `account`, or not at all.
   * @default - the region of the credentials that deploy
   */
  readonly region?: string;
  /**
   * Name of the vault's bucket. It cannot be changed after the first deployment.
   * @default - `holdfast-<name>-<account>-<region>`
   */
  readonly bucketName?: string;
  /**
   * `COMPLIANCE`: nobody, root included, can shorten a lock. `GOVERNANCE`: the bucket policy alone
   * keeps privileged users from it, and they can replace that policy.
   * @default 'COMPLIANCE'
   */
  readonly lockMode?: LockMode;
  /**
   * How long a backup is locked, unless its cluster says otherwise. Days, from `minLockDays` and 2 more
   * to 1 below `maxLockDays`: 3 to 399 unless these are given.
   */
  readonly retentionDays: number;
  /**
   * The vault refuses locks that end sooner. Days; below every cluster's retention, because what
   * remains of a lock is counted when an object is written.
   * @default 1
   */
  readonly minLockDays?: number;
  /**
   * The vault refuses locks that end later: neither a mistake nor a stolen role can make you pay
   * for decades. Days.
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
   * @default - the addresses in `notify`
   */
  readonly alarmEmails?: readonly string[];
  /**
   * How long logs are kept. Days, one of the values that CloudWatch Logs offers.
   * @default 90
   */
  readonly logRetentionDays?: number;
  /**
   * Tags of everything in both stacks, tasks included: what costs are told apart by. `holdfast:environment`
   * and `holdfast:cluster` are there anyway.
   * @default - no others
   */
  readonly tags?: Readonly<Record<string, string>>;
  /**
   * Where tasks run.
   * @default - a new VPC over two availability zones with one NAT gateway
   */
  readonly network?: NetworkOptions;
  readonly clusters: readonly ClusterEnvironment[];
}

/** Either `natGateways` alone (a new VPC), or an existing VPC with all its attributes. */
export interface NetworkOptions {
  /**
   * NAT gateways of the new VPC, 0 to 2. With 0 tasks run in public subnets under public addresses.
   * @default 1
   */
  readonly natGateways?: number;
  /**
   * Id of an existing VPC, such as `vpc-0123456789abcdef0`. Give it an S3 gateway endpoint.
   * @default - a new VPC
   */
  readonly vpcId?: string;
  /**
   * Availability zones of the existing VPC's subnets, in their order.
   * @default - required with `vpcId`
   */
  readonly availabilityZones?: readonly string[];
  /**
   * The existing VPC's subnets that tasks run in.
   * @default - required with `vpcId`
   */
  readonly subnetIds?: readonly string[];
  /**
   * Whether tasks in the existing VPC's subnets need a public address to reach out.
   * @default false
   */
  readonly assignPublicIp?: boolean;
}

/** One PostgreSQL server and its replicas. */
export interface ClusterEnvironment {
  /** 1 to 40 characters out of a-z, 0-9 and -: its place in the vault for good. */
  readonly name: string;
  /** Major version of the server. */
  readonly postgresMajor: number;
  /** Name of the secret in Secrets Manager that holds the connection URIs. */
  readonly secretName: string;
  /**
   * Whether the cluster takes no more backups. Its schedules stop and requests are refused; key, roles
   * and retention stay, so what is there can be restored.
   * @default false
   */
  readonly retired?: boolean;
  /** When to back up. */
  readonly schedules: readonly ScheduleEnvironment[];
  /**
   * How long this cluster's backups are locked.
   * @default - the environment's `retentionDays`
   */
  readonly retention?: Retention;
  /**
   * Whether the primary may serve when no replica can.
   * @default false
   */
  readonly allowPrimary?: boolean;
  /**
   * A replica whose replay is further behind is refused. Seconds.
   * @default 300
   */
  readonly maxReplayLagSeconds?: number;
  /**
   * What becomes of a replica that cannot say how far it is behind: `refuse`, or `accept`.
   * @default 'refuse'
   */
  readonly unknownLag?: UnknownLag;
  /**
   * Whether replay is paused on a replica while it is dumped, so that all databases show one point. Its
   * role must be granted that.
   * @default false
   */
  readonly pauseReplay?: boolean;
  /**
   * Pause before the second try of a dump that failed; doubled for each further one. Seconds, 1 to
   * 3600.
   * @default 5
   */
  readonly retryPauseSeconds?: number;
  /**
   * Parallel workers of pg_dump, 1 to 64.
   * @default 2
   */
  readonly jobs?: number;
  /**
   * Compression of the dump, as pg_dump takes it.
   * @default - `zstd:1`; `gzip:1` before PostgreSQL 16
   */
  readonly compression?: string;
  /**
   * A run that takes longer is ended. Minutes, 1 to 1440: its lock is counted from its start.
   * @default 720
   */
  readonly maxDurationMinutes?: number;
  /**
   * A run that uploads nothing for so long is ended. Minutes, 1 to 1440.
   * @default 30
   */
  readonly stallMinutes?: number;
  /**
   * What dumps may write in a second, on average, after compression: so much load is kept off the
   * source. 0 is no limit.
   * @default 0
   */
  readonly maxRateMiBPerSecond?: number;
  /**
   * What logical backups take in, and how they are written.
   * @default - all of every database that can be dumped, in directory format, without role passwords
   */
  readonly logical?: LogicalEnvironment;
  /**
   * How physical backups are taken.
   * @default - a fast checkpoint, with the WAL that each needs, zstd:1
   */
  readonly physical?: PhysicalEnvironment;
  /**
   * Streams the cluster's WAL into the vault, for point-in-time recovery.
   * @default - no WAL is streamed
   */
  readonly wal?: WalEnvironment | undefined;
  /**
   * The task's vCPUs, as Fargate offers them.
   * @default 2
   */
  readonly vCpu?: number;
  /**
   * The task's memory, as Fargate offers it for its vCPUs. MiB.
   * @default 4096
   */
  readonly memoryMiB?: number;
  /**
   * The task's disk, shared by the image and the spool. GiB, 20 to 200.
   * @default 40
   */
  readonly ephemeralStorageGiB?: number;
  /**
   * What the spool may hold. MiB; at least 4 GiB below the disk's size, for the image.
   * @default - three quarters of `ephemeralStorageGiB`
   */
  readonly spoolCapMiB?: number;
  /**
   * The task's processor architecture: that of the machine that builds the image, or emulated there.
   * @default 'x86_64'
   */
  readonly architecture?: Architecture;
}

export interface Retention {
  /** Days, in the range of the environment's `retentionDays`. */
  readonly days: number;
}

export interface ScheduleEnvironment {
  /** Its name within the cluster: 1 to 40 characters out of a-z, 0-9 and -. */
  readonly name: string;
  readonly kind: BackupKind;
  /**
   * Of physical backups: `full`; `differential`, what has changed since the last full one; `incremental`,
   * since the last of any type. The latter two need PostgreSQL 17.
   * @default 'full'
   */
  readonly type?: BackupType;
  /** Six fields as EventBridge Scheduler takes them: minute hour day month weekday year. */
  readonly cron: string;
  /**
   * IANA time zone of `cron`.
   * @default 'UTC'
   */
  readonly timeZone?: string;
  /**
   * The run starts within so many minutes after its time, so that clusters do not all start at once.
   * Minutes, 0 (punctual) to 1440.
   * @default 15
   */
  readonly flexibleWindowMinutes?: number;
}

export const ARCHITECTURES = ['x86_64', 'arm64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];
