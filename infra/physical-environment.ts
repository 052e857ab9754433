import type { PhysicalOptions, WalOptions } from '../contract/physical-options.ts';
import { withoutUndefined } from './without-undefined.ts';

/** How a cluster's physical backups are taken. */
export interface PhysicalEnvironment {
  /**
   * `fast`: a backup's checkpoint is made at once. `spread`: over time, which spares the server.
   * @default 'fast'
   */
  readonly checkpoint?: PhysicalOptions['checkpoint'];
  /**
   * `stream`: each backup holds the WAL that makes it consistent. `archive`: it lies in the WAL archive,
   * so the cluster needs `wal`.
   * @default 'stream'
   */
  readonly wal?: PhysicalOptions['wal'];
  /**
   * Compression, as pg_basebackup takes it.
   * @default 'zstd:1'
   */
  readonly compression?: string;
  /**
   * Who compresses: the task, or the `server`, which saves network.
   * @default 'client'
   */
  readonly compressOn?: PhysicalOptions['compressOn'];
  /**
   * How many backups an incremental may rest on; the next one is a full one. 1 to 100.
   * @default 14
   */
  readonly maxChainLength?: number;
}

/** How a cluster's WAL gets into the vault: without it there is no point-in-time recovery. */
export interface WalEnvironment {
  /**
   * While the server writes, what it wrote is in the vault after so long at the latest. Seconds, 0.1 to
   * 60.
   * @default 5
   */
  readonly incrementSeconds?: number;
  /**
   * Whether the server's `synchronous_standby_names` names the streamer, so that commits wait for the
   * vault, and hang while the streamer is down.
   * @default false
   */
  readonly synchronous?: boolean;
  /**
   * WAL that a slot holds back on a server: beyond it an alarm is raised. MiB.
   * @default 4096
   */
  readonly retainedAlarmMiB?: number;
  /**
   * Beyond it the slot is dropped before the server's disk is full, and a new base backup is needed; 0:
   * never. MiB.
   * @default 0
   */
  readonly retainedDropMiB?: number;
  /**
   * Whether a server without `max_slot_wal_keep_size` is accepted: while the streamer is down its disk
   * fills up.
   * @default false
   */
  readonly acceptUnlimitedRetention?: boolean;
  /**
   * The streamer's vCPUs, as Fargate offers them. It runs all the time.
   * @default 0.5
   */
  readonly vCpu?: number;
  /**
   * The streamer's memory, as Fargate offers it for its vCPUs. MiB.
   * @default 1024
   */
  readonly memoryMiB?: number;
}

/** What the streamer is told, and the size that it has. */
export type ResolvedWal = WalOptions & Required<Pick<WalEnvironment, 'vCpu' | 'memoryMiB'>>;

const PHYSICAL_DEFAULTS: PhysicalOptions = {
  checkpoint: 'fast',
  wal: 'stream',
  compression: 'zstd:1',
  compressOn: 'client',
  maxChainLength: 14,
};

const WAL_DEFAULTS: ResolvedWal = {
  incrementSeconds: 5,
  synchronous: false,
  retainedAlarmMiB: 4096,
  retainedDropMiB: 0,
  acceptUnlimitedRetention: false,
  vCpu: 0.5,
  memoryMiB: 1024,
};

/** With the defaults of what was left out. */
export function resolvePhysical(given: PhysicalEnvironment): PhysicalOptions {
  return { ...PHYSICAL_DEFAULTS, ...withoutUndefined(given) };
}

/** The same; without it there is no streamer. */
export function resolveWal(given: WalEnvironment | undefined): ResolvedWal | undefined {
  // What is no object is refused by checkWal: here it only must not get in the way.
  return given === undefined ? undefined : { ...WAL_DEFAULTS, ...withoutUndefined(given ?? {}) };
}

/** What of it the programs are told. */
export function walOptions({ vCpu: _, memoryMiB: __, ...options }: ResolvedWal): WalOptions {
  return options;
}
