import type { S3ClientConfig } from '@aws-sdk/client-s3';

type Strategy = Extract<
  NonNullable<S3ClientConfig['retryStrategy']>,
  { refreshRetryTokenForRetry: unknown }
>;
type Token = Awaited<ReturnType<Strategy['acquireInitialRetryToken']>>;
type Failure = Parameters<Strategy['refreshRetryTokenForRetry']>[1];

/**
 * How often a call is made in all, and the longest first pause, milliseconds; that of each further pause
 * is twice as long. It adds up to 16 seconds on average for a service that fails or cannot be reached, and
 * to 43 for one that asks us to slow down.
 */
const KINDS: Partial<Record<Failure['errorType'], { readonly calls: number; pauseMs: number }>> = {
  TRANSIENT: { calls: 12, pauseMs: 100 },
  THROTTLING: { calls: 20, pauseMs: 1_000 },
};
const LONGEST_PAUSE_MS = 5_000;
/** How often once the run is being ended, which must not take long. */
const CALLS_AT_THE_END = 5;

/**
 * Tries a call to S3 again for as long as a dump of hours is worth it. The SDK's own strategy gives up
 * within a second where S3 fails, and shares a budget among all calls, which a few parts at a time use up.
 */
export class PatientRetries implements Strategy {
  readonly #signal: AbortSignal;

  /** @param signal patience ends with it. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  async acquireInitialRetryToken(): Promise<Token> {
    return token(0, 0);
  }

  async refreshRetryTokenForRetry(last: Token, { errorType }: Failure): Promise<Token> {
    const kind = KINDS[errorType];
    const made = last.getRetryCount() + 1;
    const calls = this.#signal.aborted ? CALLS_AT_THE_END : kind?.calls;
    // Its words are nobody's: the SDK throws what the call failed with.
    if (kind === undefined || calls === undefined || made >= calls)
      throw new Error('no more tries');
    const longest = Math.min(LONGEST_PAUSE_MS, kind.pauseMs * 2 ** (made - 1));
    return token(made, Math.random() * longest);
  }

  recordSuccess(): void {}
}

function token(retries: number, pauseMs: number): Token {
  return { getRetryCount: () => retries, getRetryDelay: () => pauseMs };
}
