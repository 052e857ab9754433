/** What a dump's table of contents promises to be in the dump's directory. */
export interface TocListing {
  /** Number of entries of any kind. */
  readonly entries: number;
  /** Dump ids of the tables' data: each has a file `<id>.dat[.zst|.gz|.lz4]`. */
  readonly tableData: readonly number[];
  /** Object ids of the tables that are in it, and of those whose data is. */
  readonly oids: { readonly tables: ReadonlySet<number>; readonly data: ReadonlySet<number> };
  /** Number of entries that bundle large objects: each has a file `blobs[_<id>].toc`. */
  readonly largeObjectBundles: number;
}

/**
 * Reads what `pg_restore --list` prints, line by line. Entries look like `215; 0 16385 TABLE DATA public t owner`;
 * pg_restore itself keeps line breaks in names out of the listing.
 */
export async function parseTocListing(lines: AsyncIterable<string>): Promise<TocListing> {
  const tableData: number[] = [];
  const oids = { tables: new Set<number>(), data: new Set<number>() };
  let entries = 0;
  let largeObjectBundles = 0;
  for await (const line of lines) {
    const match = /^(\d+); \d+ (\d+) (.*)$/s.exec(line);
    const [, id, oid, rest] = match ?? [];
    if (id === undefined || rest === undefined) continue;
    entries += 1;
    if (rest.startsWith('TABLE DATA ')) {
      tableData.push(Number(id));
      oids.data.add(Number(oid));
    } else if (rest.startsWith('TABLE ')) oids.tables.add(Number(oid));
    // "BLOBS" to every supported version's pg_restore; "BLOB" alone is the metadata before 17.
    if (/^BLOBS( |$)/.test(rest)) largeObjectBundles += 1;
  }
  return { entries, tableData, oids, largeObjectBundles };
}
