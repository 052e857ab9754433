import { z } from 'zod';

/**
 * `spread`: the checkpoint that a base backup begins with is spread over time, which spares the server
 * and lets the backup wait; `fast`: at once.
 */
export const CHECKPOINTS = ['fast', 'spread'] as const;

/**
 * Where the WAL that makes a base backup consistent lies: `stream`, in the backup itself; `archive`, in
 * the cluster's WAL archive, which has to hold it before the backup is published.
 */
export const BASE_WAL = ['stream', 'archive'] as const;

/** Who compresses: the task, or the server, which saves network and costs the server. */
export const COMPRESS_ON = ['client', 'server'] as const;

/** How physical backups are taken. */
export const PhysicalOptions = z.strictObject({
  checkpoint: z.enum(CHECKPOINTS),
  wal: z.enum(BASE_WAL),
  /** Compression of the tars: `zstd:1` or `none`, which the task can read along, to prove them whole. */
  compression: z.string().regex(/^(zstd(:\d+)?|none)$/),
  compressOn: z.enum(COMPRESS_ON),
  /** How many backups an incremental may rest on; the next one after that is a full one. */
  maxChainLength: z.int().min(1).max(100),
});
export type PhysicalOptions = z.infer<typeof PhysicalOptions>;

/** How the cluster's WAL gets into the vault by streaming. */
export const WalOptions = z.strictObject({
  /** While the server writes, what it wrote is in the vault after so long at the latest. Seconds. */
  incrementSeconds: z.number().min(0.1).max(60),
  /**
   * Whether commits wait for the vault (`synchronous_standby_names` names the streamer): what was
   * received goes at once when the last is acknowledged.
   */
  synchronous: z.boolean(),
  /** WAL that a slot holds back on a server: beyond it an alarm is raised. MiB. */
  retainedAlarmMiB: z.int().min(1),
  /** Beyond it the slot is dropped before the server's disk is full; 0: never. MiB. */
  retainedDropMiB: z.int().min(0),
  /** Whether a server without `max_slot_wal_keep_size` is accepted, whose disk a slot can fill. */
  acceptUnlimitedRetention: z.boolean(),
});
export type WalOptions = z.infer<typeof WalOptions>;
