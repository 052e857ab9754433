import type { WalOptions } from '../../../contract/physical-options.ts';

const MIB = 1024 * 1024;

/** What a server says of the slot that holds WAL back for the streamer. */
export interface SlotFacts {
  /** Absent: the server has no such slot. */
  readonly walStatus?: string | undefined;
  /** WAL that the slot holds back: up to where the server has written, or received. Bytes. */
  readonly retainedBytes: number;
  /** The first WAL that is held back; absent where none is. */
  readonly from?: string | undefined;
  /** Where the server is. */
  readonly to: string;
  /** `max_slot_wal_keep_size`; absent: no limit. Bytes. */
  readonly keepBytes?: number | undefined;
}

export type Retention = Pick<WalOptions, 'retainedAlarmMiB' | 'retainedDropMiB'>;

/** What is to become of one slot. */
export type SlotVerdict = 'well' | 'alarm' | 'drop' | 'lost' | 'missing';

/**
 * `lost`: the server has removed WAL that the slot wanted. `missing`: the streamer has not made it yet, or
 * somebody dropped it. `drop`: it fills the server's disk. `alarm`: half of what the server would keep, or
 * more than the owner wants to.
 */
export function judgeSlot(facts: SlotFacts, options: Retention): SlotVerdict {
  const { walStatus, retainedBytes } = facts;
  if (walStatus === undefined) return 'missing';
  if (walStatus === 'lost') return 'lost';
  const { retainedAlarmMiB, retainedDropMiB } = options;
  if (retainedDropMiB > 0 && retainedBytes >= retainedDropMiB * MIB) return 'drop';
  const beyond = retainedBytes >= retainedAlarmMiB * MIB || keptPercent(facts) >= 50;
  return beyond ? 'alarm' : 'well';
}

/** How much of what the server would keep is held back. Percent; 0 where it would keep all. */
export function keptPercent({ retainedBytes, keepBytes }: SlotFacts): number {
  if (keepBytes === undefined) return 0;
  // A server that keeps nothing for slots loses each at once.
  return keepBytes === 0 ? 100 : (retainedBytes / keepBytes) * 100;
}

/** What goes with a slot, said before it is dropped. */
export function whatIsLost({ retainedBytes, from, to }: SlotFacts): string {
  const mib = Math.ceil(retainedBytes / MIB);
  return `From ${from ?? 'its start'} to ${to}, ${mib} MiB, the server may remove WAL that is not in the vault. Where it does, nothing after ${from ?? 'that'} can be recovered until the next base backup.`;
}
