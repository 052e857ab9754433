import { z } from 'zod';
import { Artifact, Bytes, Seconds, uniqueBy } from './artifacts.ts';
import { Label } from './label.ts';
import { ServerFacts, Source, Tried } from './manifest-source.ts';
import { ClusterName, EnvironmentName, Instant, LockMode } from './names.ts';
import { TaskRequest } from './request.ts';

/** Raised when a reader of the version before could misunderstand a manifest. */
export const MANIFEST_VERSION = 1;

/** Something that a reader might expect in the backup and will not find. */
export const NotIncluded = z.strictObject({
  what: z.string(),
  why: z.string(),
  database: z.string().optional(),
});
export type NotIncluded = z.infer<typeof NotIncluded>;

/** What every manifest says, whatever kind of backup it makes exist. */
export const ManifestBase = z.strictObject({
  version: z.literal(MANIFEST_VERSION),
  label: Label,
  environment: EnvironmentName,
  cluster: ClusterName,
  request: TaskRequest,
  startedAt: Instant,
  finishedAt: Instant,
  /** How many tries it took, this one included. */
  attempts: z.int().min(1),
  source: Source,
  server: ServerFacts,
  /** Which servers were tried in vain before, and why, in order. */
  tried: z.array(Tried),
  notIncluded: z.array(NotIncluded),
  warnings: z.array(z.string()),
  encryption: z.strictObject({
    format: z.literal('aws-encryption-sdk'),
    algorithmSuite: z.string(),
    kmsKeyArn: z.string(),
  }),
  lock: z.strictObject({ mode: LockMode, retainUntil: Instant }),
  artifacts: z
    .array(Artifact)
    .min(1)
    .refine(...uniqueBy('name', ({ name }: Artifact) => name)),
  durations: z.record(z.string(), Seconds),
  peak: z.strictObject({ rssBytes: Bytes, spoolBytes: Bytes }),
  spool: z.strictObject({ capBytes: Bytes, punchHole: z.boolean() }),
});
