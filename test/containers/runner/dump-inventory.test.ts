import { beforeAll, describe, expect, test } from 'vitest';
import { DumpInventory } from '../../../containers/runner/logical/dump-inventory.ts';
import {
  parseTocListing,
  type TocListing,
} from '../../../containers/runner/logical/toc-listing.ts';

const LISTING = `;
; Archive created at 2026-11-21 09:00:00 UTC
;     dbname: shop
;     TOC Entries: 16
;
; Selected TOC Entries:
;
4; 3079 16390 EXTENSION - pg_stat_statements
217; 1259 16385 TABLE public a postgres
3400; 0 16385 TABLE DATA public a postgres
3401; 0 16391 TABLE DATA public TABLE DATA postgres
3402; 0 0 BLOBS - 16400..16402 postgres
3500; 0 0 SEQUENCE SET public a_id_seq postgres
3501; 0 16500 MATERIALIZED VIEW DATA public m postgres
3502; 2613 16400 BLOB METADATA - 16400..16402 postgres
`;

async function* lines(text: string): AsyncGenerator<string> {
  yield* text.split('\n');
}

async function whole(): Promise<DumpInventory> {
  const inventory = new DumpInventory();
  inventory.add('toc.dat', true);
  inventory.add('3400.dat.zst', false);
  inventory.add('3401.dat.zst', true);
  for (const oid of [16402, 16400, 16401]) inventory.add(`blob_${oid}.dat.zst`, true);
  inventory.add('blobs_3402.toc', true);
  await inventory.addObjectToc(
    lines('16400 blob_16400.dat\n16401 blob_16401.dat\n16402 blob_16402.dat\n'),
  );
  return inventory;
}

describe('a listing', () => {
  test('names what must have files, and nothing else', async () => {
    expect(await parseTocListing(lines(LISTING))).toEqual({
      entries: 8,
      tableData: [3400, 3401],
      oids: { tables: new Set([16385]), data: new Set([16385, 16391]) },
      largeObjectBundles: 1,
    });
  });

  test('of an empty database names nothing', async () => {
    expect(await parseTocListing(lines(';\n; Archive\n'))).toEqual({
      entries: 0,
      tableData: [],
      oids: { tables: new Set(), data: new Set() },
      largeObjectBundles: 0,
    });
  });
});

describe('an inventory', () => {
  let listing: TocListing;
  beforeAll(async () => {
    listing = await parseTocListing(lines(LISTING));
  });

  test('that holds all that the listing names is complete', async () => {
    const inventory = await whole();
    expect(() => inventory.assertComplete(listing, 'shop')).not.toThrow();
    expect(inventory.packedFiles).toEqual(['toc.dat', '3401.dat.zst', 'blobs_3402.toc']);
    expect(inventory.largeObjects).toBe(3);
  });

  test.each([
    ['the table of contents', (name: string) => name === 'toc.dat', /toc\.dat is missing/],
    [
      "a table's data",
      (name: string) => name === '3400.dat.zst',
      /1 of 2 tables have no data file/,
    ],
    [
      'a large object',
      (name: string) => name === 'blob_16401.dat.zst',
      /2 large objects were written, 3/,
    ],
    ['the list of large objects', (name: string) => name === 'blobs_3402.toc', /0 of 1 lists/],
  ])('without %s is not', async (_, isMissing, found) => {
    const inventory = new DumpInventory();
    const names = [
      'toc.dat',
      '3400.dat.zst',
      '3401.dat.zst',
      'blob_16400.dat.zst',
      'blob_16401.dat.zst',
      'blob_16402.dat.zst',
    ];
    for (const name of names) if (!isMissing(name)) inventory.add(name, true);
    if (!isMissing('blobs_3402.toc')) {
      const promised = [16400, 16401, 16402].map((oid) => `${oid} blob_${oid}.dat\n`).join('');
      inventory.add('blobs_3402.toc', true);
      await inventory.addObjectToc(lines(promised));
    }
    expect(() => inventory.assertComplete(listing, 'shop')).toThrow(
      expect.objectContaining({ code: 'DUMP_INCOMPLETE', message: expect.stringMatching(found) }),
    );
  });

  test('with one large object in the place of another is not', async () => {
    const inventory = await whole();
    inventory.add('blob_1.dat', true);
    const other = new DumpInventory();
    for (const name of [
      'toc.dat',
      '3400.dat',
      '3401.dat',
      'blob_16400.dat',
      'blob_16401.dat',
      'blob_99999.dat',
    ]) {
      other.add(name, true);
    }
    other.add('blobs_3402.toc', true);
    await other.addObjectToc(
      lines('16400 blob_16400.dat\n16401 blob_16401.dat\n16402 blob_16402.dat\n'),
    );
    expect(() => other.assertComplete(listing, 'shop')).toThrow(
      /3 large objects were written, 3 are listed/,
    );
    expect(() => inventory.assertComplete(listing, 'shop')).toThrow(/4 large objects/);
  });
});
