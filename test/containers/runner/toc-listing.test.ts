import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DumpInventory } from '../../../containers/runner/logical/dump-inventory.ts';
import { parseTocListing } from '../../../containers/runner/logical/toc-listing.ts';

/** What `pg_restore --list` of that major printed: a shop with odd names and two large objects. */
function listingOf(major: number) {
  const path = `../../fixtures/dump-toc/postgres-${major}.list`;
  return parseTocListing(readFileSync(new URL(path, import.meta.url), 'utf8'));
}

// 15 lists large objects one by one and bundles them all; 18 bundles 1,000 at a time. Its statistics,
// which a dump may hold, have no files.
const FROM_15 = { data: [4037, 4039, 4040, 4041, 4042, 4043], bundle: 'blobs.toc', suffix: '.gz' };
const FROM_18 = {
  data: [4194, 4196, 4197, 4198, 4199, 4200],
  bundle: 'blobs_4203.toc',
  suffix: '.zst',
};

test.each([
  [15, FROM_15],
  [18, FROM_18],
])("%i's listing names the tables' data and the large objects' list", (major, { data }) => {
  const { tableData, largeObjectBundles } = listingOf(major);
  expect(tableData.toSorted()).toEqual(data);
  expect(largeObjectBundles).toBe(1);
});

test.each([
  [15, FROM_15],
  [18, FROM_18],
])("%i's files are whole with each of them, and not without one", (major, wrote) => {
  const { data, bundle, suffix } = wrote;
  const objects = ['blob_16444.dat', 'blob_16445.dat'];
  const list = objects.map((name) => `${/\d+/.exec(name)} ${name}\n`).join('');
  const files = [
    'toc.dat',
    bundle,
    ...[...data.map((id) => `${id}.dat`), ...objects].map((name) => name + suffix),
  ];
  const without = (left: string | undefined): DumpInventory => {
    const inventory = new DumpInventory();
    for (const name of files.filter((one) => one !== left)) {
      inventory.add(name, true, name === bundle ? Buffer.from(list) : undefined);
    }
    return inventory;
  };
  const listing = listingOf(major);
  expect(() => without(undefined).assertComplete(listing, 'shop')).not.toThrow();
  for (const file of files) {
    expect(() => without(file).assertComplete(listing, 'shop')).toThrow('is not whole');
  }
});
