import { z } from 'zod';
import { Instant } from './names.ts';

const Seconds = z.number().min(0);

/**
 * What a replay lag was found by: the living receiver of a replica that has replayed all it received;
 * the newest thing replayed, of one that streams or is fed by an archive; Aurora's own status.
 */
export const LagProbe = z.enum(['primary', 'receiver', 'replayed', 'archive', 'aurora']);
export type LagProbe = z.infer<typeof LagProbe>;

export const Source = z.strictObject({
  role: z.enum(['replica', 'primary']),
  host: z.string(),
  address: z.string(),
  port: z.int(),
  /** Place among the secret's URIs, from 0. */
  uriIndex: z.int().min(0),
  systemIdentifier: z.string(),
  timeline: z.int().min(1),
  serverVersion: z.string(),
  postmasterStartedAt: Instant,
  /** Position when the source was chosen. */
  lsn: z.string(),
  /** `null`: unknown. Seconds. */
  replayLagSeconds: Seconds.nullable(),
  lagProbe: LagProbe,
  /** libpq's `sslmode`; anything but `verify-full` was an explicit choice. */
  sslmode: z.string(),
});
export type Source = z.infer<typeof Source>;

/** What the server is made of: a restore elsewhere may meet other versions of it. */
export const ServerFacts = z.strictObject({
  /** `version()`: PostgreSQL's version, the architecture, the compiler. */
  platform: z.string(),
  dataChecksums: z.boolean(),
  walSegmentBytes: z.int().min(0),
  /** `null`: the role may not see them. */
  sharedPreloadLibraries: z.array(z.string()).nullable(),
  /** Of the C library's sort order (glibc: its version) and of ICU's; `null`: it is not there. */
  collationVersions: z.strictObject({ libc: z.string().nullable(), icu: z.string().nullable() }),
});
export type ServerFacts = z.infer<typeof ServerFacts>;

/** Where replay stood still while everything was dumped. */
export const CommonPoint = z.strictObject({
  lsn: z.string(),
  /** By the replica's clock. */
  pausedAt: Instant,
});
export type CommonPoint = z.infer<typeof CommonPoint>;

/** A server that did not serve, or failed to: refused before the dump, or left after an attempt. */
export const Tried = z.strictObject({
  /** During which attempt, from 1. */
  attempt: z.int().min(1),
  host: z.string(),
  port: z.int(),
  /** Place among the secret's URIs, from 0. */
  uriIndex: z.int().min(0),
  /** An error code. */
  code: z.string(),
  reason: z.string(),
});
export type Tried = z.infer<typeof Tried>;
