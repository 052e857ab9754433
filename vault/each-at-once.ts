/**
 * Does the same to each of many, so many at a time. The first failure ends it: what has begun is waited
 * for, and nothing more is begun.
 *
 * @throws whatever `work` throws
 */
export async function eachAtOnce<Item>(
  items: Iterable<Item>,
  atOnce: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  let failed = false;
  const worker = async () => {
    for (let next = queue.next(); !failed && next.done !== true; next = queue.next()) {
      await work(next.value).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: atOnce }, worker));
  for (const one of workers) if (one.status === 'rejected') throw one.reason;
}
