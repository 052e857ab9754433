/** How far ahead of its rate a dump may be, seconds: what it writes between two looks is no offence. */
const BURST_SECONDS = 0.25;

/**
 * A rate in bytes per second, kept on average: each byte is counted once it is there, and whoever
 * counts is told how long to wait for the rate to catch up.
 */
export class RateLimit {
  readonly #bytesPerSecond: number;
  readonly #now: () => number;
  /** Bytes that may still come at once; negative while there were too many. */
  #allowance: number;
  #countedAt: number;

  /** @param now milliseconds on a clock that does not jump. */
  constructor(bytesPerSecond: number, now: () => number = () => performance.now()) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#now = now;
    this.#allowance = bytesPerSecond * BURST_SECONDS;
    this.#countedAt = now();
  }

  /** @returns how long to wait before more may come, milliseconds; 0 as long as the rate is kept. */
  count(bytes: number): number {
    const now = this.#now();
    const earned = ((now - this.#countedAt) / 1000) * this.#bytesPerSecond;
    this.#countedAt = now;
    this.#allowance =
      Math.min(this.#bytesPerSecond * BURST_SECONDS, this.#allowance + earned) - bytes;
    return Math.max(0, (-this.#allowance / this.#bytesPerSecond) * 1000);
  }
}
