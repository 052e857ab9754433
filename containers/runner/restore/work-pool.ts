/**
 * A piece of work, to be ended early when the signal is aborted. What it returns can be begun as soon
 * as it is done.
 */
export type Work = (signal: AbortSignal) => Promise<readonly Work[]>;

/**
 * Does pieces of work, so many at a time, in their order; what became possible meanwhile comes after
 * what was there before. The first failure ends all that runs, and nothing is begun any more.
 *
 * @throws the first failure, when all that had begun has ended.
 */
export async function doWork(
  work: readonly Work[],
  atOnce: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const waiting = [...work];
  const failed = new AbortController();
  const failures: unknown[] = [];
  const either = AbortSignal.any([failed.signal, ...(signal === undefined ? [] : [signal])]);
  let running = 0;
  await new Promise<void>((resolve) => {
    async function run(one: Work): Promise<void> {
      try {
        waiting.push(...(await one(either)));
      } catch (error) {
        failures.push(error);
        failed.abort();
      }
      running -= 1;
      next();
    }
    function next(): void {
      if (either.aborted) waiting.length = 0;
      while (running < atOnce) {
        const one = waiting.shift();
        if (one === undefined) break;
        running += 1;
        void run(one);
      }
      if (running === 0) resolve();
    }
    next();
  });
  signal?.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}
