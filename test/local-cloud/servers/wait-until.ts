import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitOptions {
  /** What is waited for; the error names it. */
  readonly what: string;
  readonly timeoutMs: number;
  /** @default 50 */
  readonly intervalMs?: number;
  /** Explains a failure: the tail of a log, say. */
  readonly explain?: () => Promise<string> | string;
  /** Why waiting on is pointless, once it is. */
  readonly givenUp?: () => Promise<string | undefined> | string | undefined;
}

/**
 * Calls `probe` until it answers true. A probe that throws has not succeeded yet.
 *
 * @throws Error when the time is over or `givenUp` names a reason, with the probe's last error.
 */
export async function waitUntil(
  probe: () => Promise<boolean> | boolean,
  options: WaitOptions,
): Promise<void> {
  const deadline = Date.now() + options.timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      if (await probe()) return;
    } catch (error) {
      last = error;
    }
    const reason = await options.givenUp?.();
    if (reason !== undefined) throw await failure(options, reason, last);
    if (Date.now() > deadline) {
      throw await failure(options, `nothing within ${options.timeoutMs} ms`, last);
    }
    await sleep(options.intervalMs ?? 50);
  }
}

async function failure(options: WaitOptions, reason: string, last: unknown): Promise<Error> {
  const parts = [`Waiting for ${options.what}: ${reason}.`];
  if (last !== undefined)
    parts.push(`Last attempt: ${last instanceof Error ? last.message : last}`);
  const explained = await options.explain?.();
  if (explained) parts.push(explained);
  return new Error(parts.join('\n'), { cause: last });
}
