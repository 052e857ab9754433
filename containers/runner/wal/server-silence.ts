/** How a server is spoken to, and how long it may be silent. Milliseconds. */
export interface Patience {
  readonly reportMs: number;
  readonly askMs: number;
  readonly silentMs: number;
}

/**
 * A server cuts off who is silent for `wal_sender_timeout`, a minute by default. Its question whether we
 * live may lie behind WAL that we do not read yet, so we speak without being asked.
 *
 * It has nothing to say while it writes nothing, and a network that loses everything looks the same to a
 * socket for a quarter of an hour: so it is asked, and after a minute nobody is there any more.
 */
export const PATIENCE: Patience = { reportMs: 1_000, askMs: 10_000, silentMs: 60_000 };

/**
 * Whether a server is still there. Counted in reports to it, not by the clock: a process that was held up
 * has not listened meanwhile.
 */
export class ServerSilence {
  readonly #patience: Patience;
  /** Since the last that came. */
  #reports = 0;

  constructor(patience: Patience) {
    this.#patience = patience;
  }

  heard(): void {
    this.#reports = 0;
  }

  /** Another report is due: as it is, with a question, or there is nobody to report to. */
  next(): 'report' | 'ask' | 'give up' {
    const { reportMs, askMs, silentMs } = this.#patience;
    this.#reports += 1;
    const silent = this.#reports * reportMs;
    if (silent >= silentMs) return 'give up';
    return silent % askMs < reportMs ? 'ask' : 'report';
  }
}
