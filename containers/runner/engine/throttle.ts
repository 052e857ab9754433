import { HoldfastError } from '../../../contract/errors.ts';
import { groupMembers, sendSignal, signalGroup } from '../process/process-group.ts';

/**
 * How long a dump may stand still, seconds. Below the idle time after which NAT gateways forget a
 * connection (350 s).
 *
 * @see https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html
 */
export const MAX_PAUSE_SECONDS = 300;

/** What should stay free for what is written between two looks, bytes. */
const ROOM = 64 * 1024 * 1024;

export interface SpoolLimits {
  /** What the spool may hold, bytes. */
  readonly capBytes: number;
  readonly maxPauseSeconds?: number;
}

/**
 * Holds a dump back while its spool is full: the processes that write are stopped and go on when
 * enough has been uploaded. They are stopped well below the cap, because they write on between two
 * looks.
 */
export class Throttle {
  readonly #group: number;
  readonly #high: number;
  readonly #low: number;
  readonly #maxPauseMs: number;
  #stoppedAt: number | undefined;
  #peak = 0;
  #pausedMs = 0;

  constructor(group: number, limits: SpoolLimits) {
    this.#group = group;
    // Half the cap; of a small one less, because what a dump writes between two looks on a busy
    // machine does not depend on the cap.
    this.#high = Math.max(
      limits.capBytes / 4,
      Math.min(limits.capBytes / 2, limits.capBytes - ROOM),
    );
    this.#low = this.#high / 2;
    this.#maxPauseMs = (limits.maxPauseSeconds ?? MAX_PAUSE_SECONDS) * 1000;
  }

  /** The most that the spool has held, bytes. */
  get peakBytes(): number {
    return this.#peak;
  }

  /** How long the dump has been held back, seconds. */
  get pausedSeconds(): number {
    return this.#pausedMs / 1000;
  }

  /**
   * Stops or continues the dump.
   *
   * @param usedBytes what the spool holds now.
   * @throws HoldfastError SPOOL_STALLED when it has been full for too long.
   */
  update(usedBytes: number): void {
    this.#peak = Math.max(this.#peak, usedBytes);
    const now = performance.now();
    if (this.#stoppedAt === undefined) {
      if (usedBytes < this.#high) return;
      this.#stoppedAt = now;
      this.#stopWriters();
    } else if (usedBytes <= this.#low) {
      this.resume();
    } else if (now - this.#stoppedAt > this.#maxPauseMs) {
      throw this.#stalled(usedBytes);
    } else {
      // A worker that was between two files when the others were stopped has opened one since.
      this.#stopWriters();
    }
  }

  /** Lets the dump go on, whatever the spool holds. */
  resume(): void {
    if (this.#stoppedAt === undefined) return;
    this.#pausedMs += performance.now() - this.#stoppedAt;
    this.#stoppedAt = undefined;
    signalGroup(this.#group, 'SIGCONT');
  }

  #stopWriters(): void {
    const members = groupMembers(this.#group);
    const workers = members.filter(({ pid }) => pid !== this.#group);
    // The leader only waits for its workers; where it has none, it is the one that writes.
    for (const { pid } of workers.length > 0 ? workers : members) sendSignal(pid, 'SIGSTOP');
  }

  #stalled(usedBytes: number): HoldfastError {
    const held = Math.round(usedBytes / 1024 / 1024);
    return new HoldfastError(
      'SPOOL_STALLED',
      `The spool has held ${held} MiB for ${this.#maxPauseMs / 1000} s: uploads do not keep up.`,
      {
        hint: 'Look at the path to S3; a larger spool or fewer jobs help where S3 is merely slow.',
      },
    );
  }
}
