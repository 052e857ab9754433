import { setTimeout as sleep } from 'node:timers/promises';
import { asHoldfastError, type HoldfastError } from '../../../contract/errors.ts';
import type { Log } from '../log.ts';

/** Pause after the first failure; doubled with each further one. Milliseconds. */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;

export interface UntilStored {
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Named in the log. */
  readonly what: string;
  /** Whether it is not needed any more. @default never */
  readonly pointless?: () => boolean;
}

/**
 * Does something to the vault again and again until it succeeds: WAL that was taken is either in the
 * vault or still with the server, and there is nobody else to put it there.
 *
 * @returns `undefined` once it has become pointless.
 * @throws HoldfastError WAL_CONFLICT and what else waiting does not change; the signal's reason.
 */
export async function untilStored<T>(
  work: () => Promise<T>,
  { log, signal, what, pointless = () => false }: UntilStored,
): Promise<T | undefined> {
  for (let failures = 0; ; failures += 1) {
    signal.throwIfAborted();
    if (pointless()) return undefined;
    try {
      return await work();
    } catch (thrown) {
      signal.throwIfAborted();
      const error = asHoldfastError(thrown);
      if (!waits(error)) throw error;
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS);
      const { code, message, hint } = error;
      log.warn('vault write failed', { what, code, message, hint, failures: failures + 1 });
      await sleep(pause, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

/** A refusal may be undone by whoever runs this, and meanwhile the server keeps the WAL. */
function waits({ code }: HoldfastError): boolean {
  return code === 'VAULT_UNAVAILABLE' || code === 'VAULT_DENIED';
}
