import { z } from 'zod';
import { HoldfastError } from './errors.ts';
import { explainIssues } from './explain-issues.ts';
import { LogicalOptions } from './logical-options.ts';
import { LockMode } from './names.ts';
import { PhysicalOptions, WalOptions } from './physical-options.ts';

/** `refuse`: such a replica is refused; `accept`: it may serve, and the manifest says so. */
export const UNKNOWN_LAG = ['refuse', 'accept'] as const;
export type UnknownLag = (typeof UNKNOWN_LAG)[number];

/**
 * How one cluster is backed up: written by the stack into the task definition, read by the runner.
 * Defaults are filled in where the stack builds it, so that the task definition shows every value.
 */
export const ClusterOptions = z.strictObject({
  /** PostgreSQL major version of the cluster, and so of the image. */
  postgresMajor: z.int().min(10).max(99),
  /** Whether the primary may serve when no replica can. */
  allowPrimary: z.boolean(),
  /** A replica whose replay is further behind is refused. Seconds. */
  maxReplayLagSeconds: z.int().min(0),
  /** What becomes of a replica that cannot say how far it is behind. */
  unknownLag: z.enum(UNKNOWN_LAG),
  /** Whether replay is paused on a replica while it is dumped, so that all databases show one point. */
  pauseReplay: z.boolean(),
  /** Pause before the second try of a dump that failed; doubled for each further one. Seconds. */
  retryPauseSeconds: z.number().min(0),
  /** Parallel workers of pg_dump. */
  jobs: z.int().min(1).max(64),
  /** Compression of the dump: `zstd:1` (16 and later) or `gzip:1`. */
  compression: z.string().regex(/^(zstd|gzip|lz4|none)(:\d+)?$/),
  /** What the spool may hold, MiB. */
  spoolCapMiB: z.int().min(16),
  /** A run that takes longer is ended. Minutes. */
  maxDurationMinutes: z.number().positive(),
  /** A run that uploads nothing for so long is ended. Minutes. */
  stallMinutes: z.number().positive(),
  /** What dumps may write in a second, on average, compressed; 0 is no limit. MiB. */
  maxRateMiBPerSecond: z.int().min(0),
  /** How long everything is locked. Days. */
  retentionDays: z.int().min(1).max(36500),
  lockMode: LockMode,
  /** What a logical backup takes in, and how it is written. */
  logical: LogicalOptions,
  physical: PhysicalOptions,
  /** `null`: nobody streams its WAL. */
  wal: WalOptions.nullable(),
});
export type ClusterOptions = z.infer<typeof ClusterOptions>;

export function buildClusterOptions(options: ClusterOptions): string {
  return JSON.stringify(ClusterOptions.parse(options));
}

/** @throws HoldfastError ENVIRONMENT_INVALID */
export function parseClusterOptions(text: string): ClusterOptions {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const parsed = ClusterOptions.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new HoldfastError(
    'ENVIRONMENT_INVALID',
    `The cluster's options are invalid: ${explainIssues(parsed.error)}`,
    { hint: 'Deploy the backup stack of the same version as the image.', cause: parsed.error },
  );
}
