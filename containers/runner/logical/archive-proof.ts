import type { Readable } from 'node:stream';
import { HoldfastError } from '../../../contract/errors.ts';
import { describeExit } from '../process/child.ts';
import { linesOf } from '../process/lines.ts';
import { ReaderChild } from '../process/reader-child.ts';
import type { CompletenessProof } from './stream-dump.ts';
import { parseTocListing, type TocListing } from './toc-listing.ts';

/** Lines of pg_restore's complaints that an error quotes. */
const QUOTED_LINES = 5;

/** Counts out of an archive that has been read through. */
export interface ArchiveContents {
  readonly tocEntries: number;
  readonly tableData: number;
  readonly largeObjects: number;
}

/**
 * A custom archive is whole when `pg_restore` can read all of it: it is fed the very bytes that are
 * uploaded, and throws away what it makes of them. Listing alone proves nothing, because the table of
 * contents comes first; a second `pg_restore` lists it for the counts.
 */
export class ArchiveProof implements CompletenessProof {
  readonly #what: string;
  readonly #reader: ReaderChild;
  readonly #lister: ReaderChild;
  readonly #listing: Promise<TocListing>;
  readonly #said: string[] = [];
  #largeObjects = 0;
  #contents: ArchiveContents | undefined;
  #oids: TocListing['oids'] | undefined;

  private constructor(what: string, reader: ReaderChild, lister: ReaderChild) {
    this.#what = what;
    this.#reader = reader;
    this.#lister = lister;
    this.#listing = parseTocListing(linesOf(lister.stdout));
    // Waited for in the end; a lister that is stopped before must not end the process.
    this.#listing.catch(() => undefined);
    reader.stdout.resume();
    lister.stderr.resume();
    void this.#listen(reader.stderr);
  }

  /** @param what named in the error, such as `database shop`. */
  static async start(pgRestore: string, what: string, cwd: string): Promise<ArchiveProof> {
    const read = ['--format=custom', '--file=/dev/null', '--verbose'];
    const reader = await ReaderChild.start(pgRestore, read, cwd);
    try {
      const lister = await ReaderChild.start(pgRestore, ['--format=custom', '--list'], cwd);
      return new ArchiveProof(what, reader, lister);
    } catch (error) {
      await reader.stop();
      throw error;
    }
  }

  async take(chunk: Buffer): Promise<void> {
    await Promise.all([this.#reader.write(chunk), this.#lister.write(chunk)]);
  }

  async conclude(): Promise<void> {
    const [read, listed] = await Promise.all([this.#reader.end(), this.#lister.end()]);
    const exit = read.code === 0 ? listed : read;
    if (exit.code !== 0) {
      const said = this.#said.slice(-QUOTED_LINES).join(' | ');
      throw new HoldfastError(
        'DUMP_INCOMPLETE',
        `pg_dump of ${this.#what} ended well, but pg_restore cannot read its archive through (${describeExit(exit)}${said === '' ? '' : `: ${said}`}).`,
        { hint: 'Nothing was published. Run the backup again.' },
      );
    }
    const { entries, tableData, oids } = await this.#listing;
    this.#oids = oids;
    this.#contents = {
      tocEntries: entries,
      tableData: tableData.length,
      largeObjects: this.#largeObjects,
    };
  }

  /** Known once it has been concluded. */
  get contents(): ArchiveContents {
    if (this.#contents === undefined) throw new Error('the archive has not been read through');
    return this.#contents;
  }

  /** Of the tables in it; known at the same time. */
  get oids(): TocListing['oids'] {
    if (this.#oids === undefined) throw new Error('the archive has not been read through');
    return this.#oids;
  }

  /** Ends both readers, whatever they do. */
  async stop(): Promise<void> {
    await Promise.all([this.#reader.stop(), this.#lister.stop()]);
  }

  async #listen(stderr: Readable): Promise<void> {
    try {
      for await (const line of linesOf(stderr)) this.#hear(line);
    } catch {
      // Its end is judged by the exit status; what it said only explains that.
    }
  }

  #hear(line: string): void {
    this.#largeObjects += Number(/: restored (\d+) large object/.exec(line)?.[1] ?? 0);
    if (!/: (error|warning|fatal): /.test(line)) return;
    this.#said.push(line);
    if (this.#said.length > QUOTED_LINES) this.#said.shift();
  }
}
