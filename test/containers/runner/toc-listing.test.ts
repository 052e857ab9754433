import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { DumpInventory } from '../../../containers/runner/logical/dump-inventory.ts';
import {
  parseTocListing,
  type TocListing,
} from '../../../containers/runner/logical/toc-listing.ts';

/** What `pg_restore --list` of that major printed: a shop with odd names and two large objects. */
function listingOf(major: number): Promise<TocListing> {
  const path = new URL(`../../fixtures/dump-toc/postgres-${major}.list`, import.meta.url);
  return parseTocListing(createInterface({ input: createReadStream(path) }));
}

async function* linesOf(names: readonly string[]): AsyncGenerator<string> {
  for (const name of names) yield `${/\d+/.exec(name)} ${name}`;
}

const OBJECTS = ['blob_16444.dat', 'blob_16445.dat'];

// 15 lists large objects one by one and bundles them all; 18 bundles 1,000 at a time. Its statistics,
// which a dump may hold, have no files.
const MAJORS = [
  {
    major: 15,
    data: [4037, 4039, 4040, 4041, 4042, 4043],
    bundle: 'blobs.toc',
    suffix: '.gz',
  },
  {
    major: 18,
    data: [4194, 4196, 4197, 4198, 4199, 4200],
    bundle: 'blobs_4203.toc',
    suffix: '.zst',
  },
];

test.each(MAJORS)("$major's listing names what has files, and nothing else", async (wrote) => {
  const { tableData, largeObjectBundles } = await listingOf(wrote.major);
  expect(tableData.toSorted()).toEqual(wrote.data);
  expect(largeObjectBundles).toBe(1);
});

test.each(MAJORS)("$major's files are whole, and not without any one of them", async (wrote) => {
  const { major, data, bundle, suffix } = wrote;
  const compressed = [...data.map((id) => `${id}.dat`), ...OBJECTS].map((name) => name + suffix);
  const files = ['toc.dat', bundle, ...compressed];
  const without = async (left?: string): Promise<DumpInventory> => {
    const inventory = new DumpInventory();
    for (const name of files.filter((one) => one !== left)) {
      inventory.add(name, true);
      if (name === bundle) await inventory.addObjectToc(linesOf(OBJECTS));
    }
    return inventory;
  };
  const listing = await listingOf(major);
  const whole = await without();
  expect(whole.assertComplete(listing, 'shop')).toBe(listing);
  for (const file of files) {
    const inventory = await without(file);
    expect(() => inventory.assertComplete(listing, 'shop')).toThrow('is not whole');
  }
});
