import { instantOf } from '../../../contract/microseconds.ts';

interface Moment {
  /** Where the server's WAL ended. */
  readonly lsn: bigint;
  /** By the server's clock. Microseconds since 1970. */
  readonly at: bigint;
}

/**
 * Until when WAL up to a position is all that the server had written. A restore to a time after the last
 * commit has to know that: when WAL was put into the vault says nothing of what had not come yet.
 */
export class CompleteUntil {
  /** Ascending. Of those that have been received only the last counts. */
  #moments: Moment[] = [];

  /**
   * Takes note that the server's WAL ended somewhere at some time.
   *
   * @param received up to where WAL has been taken from it.
   */
  note(moment: Moment, received: bigint): void {
    this.#moments.push(moment);
    const later = this.#moments.findIndex(({ lsn }) => lsn > received);
    this.#moments.splice(0, (later < 0 ? this.#moments.length : later) - 1);
  }

  /** ISO 8601, to the microsecond; `undefined`: not known. */
  of(end: bigint): string | undefined {
    const last = this.#moments.findLast(({ lsn }) => lsn <= end);
    return last && instantOf(last.at);
  }
}
