import { createHash } from 'node:crypto';

/**
 * Compares two collections of large-object files without keeping their names, of which there may be
 * millions: a count, and the sum of the names' hashes, which does not depend on their order.
 */
export class NameMultiset {
  #count = 0;
  #sum = 0n;

  add(name: string): void {
    this.#count += 1;
    const hash = createHash('sha256').update(name).digest();
    this.#sum = BigInt.asUintN(
      128,
      this.#sum + hash.readBigUInt64BE(0) * 2n ** 64n + hash.readBigUInt64BE(8),
    );
  }

  get count(): number {
    return this.#count;
  }

  equals(other: NameMultiset): boolean {
    return this.#count === other.#count && this.#sum === other.#sum;
  }
}
