import { HoldfastError } from '../../../contract/errors.ts';
import { NameMultiset } from './large-object-count.ts';
import type { TocListing } from './toc-listing.ts';

/** The dump's table of contents; written first, and in full before any data. */
export const TOC_FILE = 'toc.dat';

const LARGE_OBJECT_TOC = /^blobs(_\d+)?\.toc$/;
const LARGE_OBJECT_FILE = /^blob_\d+\.dat(\.\w+)?$/;
const TABLE_DATA_FILE = /^(\d+)\.dat(\.\w+)?$/;

export function isLargeObjectToc(name: string): boolean {
  return LARGE_OBJECT_TOC.test(name);
}

/** Every file of one dump that has been uploaded, checked in the end against what the dump promises. */
export class DumpInventory {
  readonly #packedFiles: string[] = [];
  readonly #tableData = new Set<number>();
  readonly #uploadedObjects = new NameMultiset();
  readonly #promisedObjects = new NameMultiset();
  #packedObjects = 0;
  #objectTocs = 0;
  #toc = false;

  /** Takes note of a file that has been uploaded: in the pack, or with artifacts of its own. */
  add(name: string, packed: boolean): void {
    if (this.#seen(name)) {
      throw new Error(`${name} was written to again after it had been closed and uploaded`);
    }
    if (LARGE_OBJECT_FILE.test(name)) {
      this.#uploadedObjects.add(withoutSuffix(name));
      if (packed) this.#packedObjects += 1;
      return;
    }
    if (packed) this.#packedFiles.push(name);
    const dumpId = TABLE_DATA_FILE.exec(name)?.[1];
    if (dumpId !== undefined) this.#tableData.add(Number(dumpId));
    if (name === TOC_FILE) this.#toc = true;
  }

  /**
   * Takes note of what a large objects' table of contents promises.
   *
   * @param lines of `<oid> <file>`; as a stream, because there may be millions.
   */
  async addObjectToc(lines: AsyncIterable<string>): Promise<void> {
    this.#objectTocs += 1;
    for await (const line of lines) {
      const name = /^\d+ (\S+)$/.exec(line)?.[1];
      if (name !== undefined) this.#promisedObjects.add(withoutSuffix(name));
    }
  }

  /** Large objects are too many to remember: two of one name show in their count. */
  #seen(name: string): boolean {
    const dumpId = TABLE_DATA_FILE.exec(name)?.[1];
    if (dumpId !== undefined) return this.#tableData.has(Number(dumpId));
    return !LARGE_OBJECT_FILE.test(name) && this.#packedFiles.includes(name);
  }

  /** Names of packed files, but for single large objects. */
  get packedFiles(): readonly string[] {
    return this.#packedFiles;
  }

  get largeObjects(): number {
    return this.#uploadedObjects.count;
  }

  /** Those that lie in the pack; big ones have artifacts of their own. */
  get packedLargeObjects(): number {
    return this.#packedObjects;
  }

  /**
   * @param listing of the table of contents; `undefined` if none was seen.
   * @returns the listing, which now is known to be kept.
   * @throws HoldfastError DUMP_INCOMPLETE unless each table's data and each large object that the
   * dump promises has been uploaded.
   */
  assertComplete(listing: TocListing | undefined, database: string): TocListing {
    if (listing === undefined || !this.#toc) throw incomplete(database, [`${TOC_FILE} is missing`]);
    const missing = listing.tableData.filter((dumpId) => !this.#tableData.has(dumpId));
    const found: string[] = [];
    if (missing.length > 0) {
      found.push(`${missing.length} of ${listing.tableData.length} tables have no data file`);
    }
    if (this.#objectTocs !== listing.largeObjectBundles) {
      found.push(
        `${this.#objectTocs} of ${listing.largeObjectBundles} lists of large objects are there`,
      );
    }
    if (!this.#promisedObjects.equals(this.#uploadedObjects)) {
      found.push(
        `${this.#uploadedObjects.count} large objects were written, ${this.#promisedObjects.count} are listed`,
      );
    }
    if (found.length > 0) throw incomplete(database, found);
    return listing;
  }
}

/** The list names `blob_16400.dat`, the file is `blob_16400.dat.zst`. */
function withoutSuffix(name: string): string {
  return name.replace(/\.dat\.\w+$/, '.dat');
}

function incomplete(database: string, found: readonly string[]): HoldfastError {
  return new HoldfastError(
    'DUMP_INCOMPLETE',
    `pg_dump of database ${database} ended well, but its output is not whole: ${found.join('; ')}.`,
    {
      hint: 'Nothing was published. Run the backup again; if it repeats, keep the log and report it.',
    },
  );
}
