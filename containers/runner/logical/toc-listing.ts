/** What a dump's table of contents promises to be in the dump's directory. */
export interface TocListing {
  /** Number of entries of any kind. */
  readonly entries: number;
  /** Dump ids of the tables' data: each has a file `<id>.dat[.zst|.gz|.lz4]`. */
  readonly tableData: readonly number[];
  /** Number of entries that bundle large objects: each has a file `blobs[_<id>].toc`. */
  readonly largeObjectBundles: number;
}

/**
 * Reads what `pg_restore --list` prints, line by line. Entries look like `215; 0 16385 TABLE DATA public t owner`;
 * pg_restore itself keeps line breaks in names out of the listing.
 */
export async function parseTocListing(lines: AsyncIterable<string>): Promise<TocListing> {
  const tableData: number[] = [];
  let entries = 0;
  let largeObjectBundles = 0;
  for await (const line of lines) {
    const match = /^(\d+); \d+ \d+ (.*)$/s.exec(line);
    const [, id, rest] = match ?? [];
    if (id === undefined || rest === undefined) continue;
    entries += 1;
    if (rest.startsWith('TABLE DATA ')) tableData.push(Number(id));
    // "BLOBS" to every supported version's pg_restore; "BLOB" alone is the metadata before 17.
    if (/^BLOBS( |$)/.test(rest)) largeObjectBundles += 1;
  }
  return { entries, tableData, largeObjectBundles };
}
