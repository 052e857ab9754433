import { HoldfastError } from '../../../contract/errors.ts';
import { groupMembers, sendSignal, signalGroup } from '../process/process-group.ts';
import { RateLimit } from './rate-limit.ts';

/**
 * How long a dump may stand still, seconds. Below the idle time after which NAT gateways forget a
 * connection (350 s).
 *
 * @see https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html
 */
export const MAX_PAUSE_SECONDS = 300;

/**
 * What has to be uploaded at most before a dump goes on, bytes: a share of a spool of hundreds of
 * gigabytes could not be uploaded within one pause, however steadily S3 takes it in.
 */
const MOST_TO_DRAIN = 1024 * 1024 * 1024;

/** What should stay free for what is written between two looks, bytes. */
const ROOM = 64 * 1024 * 1024;

/**
 * Who in a dump's process group is held back. `workers`: the leader's children, or the leader where it has
 * none; `leader`: it alone, because its children receive what must not be held up.
 */
export type Writers = 'workers' | 'leader';

export interface SpoolLimits {
  /** What the spool may hold, bytes. */
  readonly capBytes: number;
  readonly maxPauseSeconds?: number;
  /** Bytes that dumps may write in a second, on average. @default no limit */
  readonly maxBytesPerSecond?: number | undefined;
}

/**
 * Holds dumps back while their spool is full, or while they write faster than they may: the processes
 * that write are stopped, and go on when enough has been uploaded. They are stopped well below the cap,
 * because they write on between two looks.
 */
export class Throttle {
  readonly #groups = new Map<number, Writers>();
  readonly #high: number;
  readonly #low: number;
  readonly #maxPauseMs: number;
  readonly #rate: RateLimit | undefined;
  #fullSince: number | undefined;
  #tooFast = false;
  #stopped = false;
  #peak = 0;

  constructor(limits: SpoolLimits) {
    const { capBytes, maxPauseSeconds = MAX_PAUSE_SECONDS, maxBytesPerSecond } = limits;
    // Half the cap; of a small one less, because what a dump writes between two looks on a busy
    // machine does not depend on the cap.
    this.#high = Math.max(capBytes / 4, Math.min(capBytes / 2, capBytes - ROOM));
    this.#low = Math.max(this.#high / 2, this.#high - MOST_TO_DRAIN);
    this.#maxPauseMs = maxPauseSeconds * 1000;
    this.#rate = maxBytesPerSecond === undefined ? undefined : new RateLimit(maxBytesPerSecond);
  }

  /** The most that the spool has held, bytes. */
  get peakBytes(): number {
    return this.#peak;
  }

  /** Bytes that may still be written before the dumps are stopped. */
  room(usedBytes: number): number {
    return Math.max(0, this.#high - usedBytes);
  }

  /** @param group a dump's process group, watched until `release`. */
  watch(group: number, writers: Writers = 'workers'): void {
    this.#groups.set(group, writers);
  }

  /** Lets a dump go on, whatever the spool holds, and watches it no more. */
  release(group: number): void {
    this.#groups.delete(group);
    if (this.#stopped) signalGroup(group, 'SIGCONT');
  }

  /**
   * Stops or continues the dumps.
   *
   * @param usedBytes what the spool holds now.
   * @param writtenBytes what has been written since the last look.
   * @param apartBytes what the spool holds besides, which no stop makes less.
   * @throws HoldfastError SPOOL_STALLED when it has been full for too long.
   */
  update(usedBytes: number, writtenBytes: number, apartBytes = 0): void {
    this.#peak = Math.max(this.#peak, usedBytes + apartBytes);
    const now = performance.now();
    this.#tooFast = (this.#rate?.count(writtenBytes) ?? 0) > 0;
    if (usedBytes >= this.#high) this.#fullSince ??= now;
    else if (usedBytes <= this.#low) this.#fullSince = undefined;
    if (this.#fullSince !== undefined && now - this.#fullSince > this.#maxPauseMs) {
      throw this.#stalled(usedBytes);
    }
    if (this.#fullSince === undefined && !this.#tooFast) {
      this.resume();
      return;
    }
    this.#stopped = true;
    // Each time anew: a worker that was between two files when the others were stopped has opened one.
    for (const [group, writers] of this.#groups) stopWriters(group, writers);
  }

  /** Lets all dumps go on, whatever the spool holds. */
  resume(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    for (const group of this.#groups.keys()) signalGroup(group, 'SIGCONT');
  }

  #stalled(usedBytes: number): HoldfastError {
    const held = Math.round(usedBytes / 1024 / 1024);
    const rate = (this.#high - this.#low) / 1024 / 1024 / (this.#maxPauseMs / 1000);
    return new HoldfastError(
      'SPOOL_STALLED',
      `The spool has held ${held} MiB for ${this.#maxPauseMs / 1000} s: uploads do not keep up.`,
      {
        hint: `Look at the path to S3: it takes in less than ${rate.toFixed(1)} MiB/s.`,
      },
    );
  }
}

function stopWriters(group: number, writers: Writers): void {
  if (writers === 'leader') {
    sendSignal(group, 'SIGSTOP');
    return;
  }
  const members = groupMembers(group);
  const workers = members.filter(({ pid }) => pid !== group);
  // The leader only waits for its workers; where it has none, it is the one that writes.
  for (const { pid } of workers.length > 0 ? workers : members) sendSignal(pid, 'SIGSTOP');
}
