import { createHash } from 'node:crypto';

/** How many sums there are: enough to name the few files that differ, 512 KiB in all. */
const BUCKETS = 65_536;
/** How many files an error names. */
const NAMED = 5;

/** A file of a base backup: its path below the data directory, its size in bytes, its SHA-256. */
export interface BaseFile {
  readonly path: string;
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/**
 * Compares two lists of files that are too long to be kept, and come in orders of their own: what is seen
 * is added, what is listed is taken away, and nothing must be left. Each path has its place among the sums,
 * so that what differs can be named when the list is read once more.
 */
export class FileSums {
  readonly #sums = new BigUint64Array(BUCKETS);

  add(file: BaseFile): void {
    const { place, value } = summandOf(file);
    this.#sums[place] = (this.#sums[place] ?? 0n) + value;
  }

  subtract(file: BaseFile): void {
    const { place, value } = summandOf(file);
    this.#sums[place] = (this.#sums[place] ?? 0n) - value;
  }

  /** Whether all that was added was taken away, and nothing else. */
  get balanced(): boolean {
    return this.#sums.every((sum) => sum === 0n);
  }

  /** Some of the listed files that are not among the seen ones as they are listed. */
  async suspects(listed: AsyncIterable<BaseFile>): Promise<string[]> {
    const found: string[] = [];
    for await (const file of listed) {
      if (this.#sums[placeOf(file.path)] === 0n) continue;
      found.push(file.path);
      if (found.length === NAMED) break;
    }
    return found;
  }
}

function summandOf({ path, size, sha256 }: BaseFile): { place: number; value: bigint } {
  const value = createHash('sha256').update(`${path}\0${size}\0${sha256}`).digest();
  return { place: placeOf(path), value: value.readBigUInt64LE() };
}

function placeOf(path: string): number {
  return createHash('sha256').update(path).digest().readUInt16LE();
}
