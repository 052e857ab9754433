import type { SourceDatabase } from '../source/databases.ts';

/** Databases up to this size are dumped beside the others: most of their time is not work. Bytes. */
const SMALL_BYTES = 64 * 1024 * 1024;

/**
 * The databases of one backup, in two lanes: one takes the largest that is left, by as many workers as
 * are configured; the other takes the smallest, as long as they are small, by one.
 */
export class DumpQueue {
  /** By size, the smallest first. */
  readonly #left: SourceDatabase[];

  constructor(databases: readonly SourceDatabase[]) {
    this.#left = databases.toSorted((a, b) => a.sizeBytes - b.sizeBytes);
  }

  takeLargest(): SourceDatabase | undefined {
    return this.#left.pop();
  }

  takeSmall(): SourceDatabase | undefined {
    const [smallest] = this.#left;
    if (smallest === undefined || smallest.sizeBytes > SMALL_BYTES) return undefined;
    return this.#left.shift();
  }
}
