import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import {
  createDatabaseStatement,
  databaseEntries,
  statementsFor,
} from '../../../containers/runner/restore/database-statements.ts';
import { parseDumpToc } from '../../../containers/runner/restore/dump-toc.ts';
import { requiredRoles } from '../../../containers/runner/restore/required-roles.ts';
import { selectEntries } from '../../../containers/runner/restore/select-entries.ts';

// The same shop, with odd names and two large objects, dumped by 15 (archive format 1.14) and by 18
// with --statistics (1.16).
describe.each([
  { major: 15, largeObjects: ['BLOB', 'BLOB', 'BLOBS'], bundle: 'blobs.toc', statistics: 0 },
  { major: 18, largeObjects: ['BLOB METADATA', 'BLOBS'], bundle: 'blobs_4203.toc', statistics: 13 },
])("pg_dump $major's table of contents", async ({ major, largeObjects, bundle, statistics }) => {
  const path = new URL(`../../fixtures/dump-toc/postgres-${major}.toc.dat`, import.meta.url);
  const toc = parseDumpToc(await readFile(path));
  const described = (pattern: RegExp) => toc.entries.filter(({ desc }) => pattern.test(desc));

  test('is read to its end', () => {
    expect(toc.database).toBe('shop');
    expect(toc.serverVersion).toMatch(`${major}.`);
    const data = described(/^TABLE DATA$/);
    expect(data.map(({ tag }) => tag).sort()).toEqual([
      'Order',
      'TABLE DATA public x',
      'customer',
      'empty_one',
      'scratch',
      'we"ird\nname',
    ]);
    expect(data.every(({ file }) => /^\d+\.dat$/.test(file))).toBe(true);
    expect(described(/^BLOB/).map(({ desc }) => desc)).toEqual(largeObjects);
    expect(described(/^BLOBS$/)[0]?.file).toBe(bundle);
    expect(described(/^STATISTICS DATA$/)).toHaveLength(statistics);
  });

  test('names the roles that it needs', () => {
    expect([...requiredRoles(toc)].sort()).toEqual([
      'Odd "Reader',
      'holdfast',
      'pg_database_owner',
      'postgres',
      'shop_owner',
      'shop_reader',
    ]);
  });

  test('makes the database and its properties anew under another name', () => {
    expect(createDatabaseStatement(toc, 'copy', { tablespaces: new Set() })).toBe(
      `CREATE DATABASE "copy" WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8'`,
    );
    const properties = databaseEntries(toc).flatMap((entry) => statementsFor(entry, 'copy'));
    expect(properties).toContain(`ALTER DATABASE "copy" SET work_mem TO '8MB'`);
    expect(properties).toContain(`COMMENT ON DATABASE "copy" IS 'Where the orders are'`);
    expect(properties).toContain(`ALTER ROLE shop_reader IN DATABASE "copy" SET work_mem TO '9MB'`);
  });

  test('leaves out the large objects’ grants to a role that the target lacks', () => {
    const roles = new Set([...requiredRoles(toc)].filter((role) => role !== 'holdfast'));
    const target = { roles, tablespaces: new Set(['pg_default']) };
    const { notRestored } = selectEntries(toc, target, { noOwner: true });
    const left = notRestored.map(({ what }) => what).filter((what) => what !== 'owners');
    expect(left).toHaveLength(largeObjects.length - 1);
    expect(left.every((what) => what.startsWith('ACL LARGE OBJECT'))).toBe(true);
  });
});
