import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { DumpToc } from '../../../containers/runner/restore/dump-toc.ts';
import { brokenForeignKeys, makeRoom } from '../../../containers/runner/restore/missing-parts.ts';
import { readArchiveToc } from '../../../containers/runner/restore/read-toc.ts';

/** `log.event` refers to `public.customer`, `log.child` to the partitioned `log.part`. */
const whole = await readArchiveToc(
  fileURLToPath(new URL('../../fixtures/dump-toc/shop.custom', import.meta.url)),
);

function without(...left: [kind: string, name: string][]): DumpToc {
  const gone = ({ desc, tag }: { desc: string; tag: string }) =>
    left.some(([kind, name]) => kind === desc && (name === '*' || name === tag));
  return { ...whole, entries: whole.entries.filter((entry) => !gone(entry)) };
}

function broken(toc: DumpToc): [string, string][] {
  return [...brokenForeignKeys(toc)].map(([{ tag }, why]) => [tag, why]);
}

test("a custom archive's table of contents is read from its start", () => {
  expect(whole.database).toBe('shop');
  expect(whole.entries.map(({ desc, tag }) => `${desc} ${tag}`)).toEqual(
    expect.arrayContaining(['DATABASE shop', 'TABLE customer', 'TABLE DATA event']),
  );
});

test('no foreign key of a whole dump is broken, and none of a dump without rows', () => {
  expect(broken(whole)).toEqual([]);
  expect(broken(without(['TABLE DATA', '*']))).toEqual([]);
});

test('a key to a table that is left out is broken, and one to a table without rows', () => {
  expect(broken(without(['TABLE', 'customer'], ['TABLE DATA', 'customer']))).toEqual([
    [
      'event event_customer_id_fkey',
      'the backup does not hold the table public.customer, to which it refers',
    ],
  ]);
  expect(broken(without(['TABLE DATA', 'customer']))).toEqual([
    [
      'event event_customer_id_fkey',
      'the backup does not hold the rows of public.customer, to which it refers',
    ],
  ]);
  expect(broken(without(['TABLE DATA', 'customer'], ['TABLE DATA', 'event']))).toEqual([]);
});

test('schemas that tables lie in are made when the dump does not, and public is not made twice', () => {
  expect(makeRoom(whole)).toEqual({ statements: [], notRestored: [] });
  const tablesOnly = makeRoom(without(['SCHEMA', '*']));
  expect(tablesOnly.statements).toEqual(['CREATE SCHEMA "log"']);
  expect(tablesOnly.notRestored).toMatchObject([{ what: 'owner and grants of the schema log' }]);
  const [first] = whole.entries;
  if (first === undefined) throw new Error('The example is empty.');
  const made = { ...first, desc: 'SCHEMA', tag: 'public', definition: 'CREATE SCHEMA public;\n' };
  expect(makeRoom({ ...whole, entries: [...whole.entries, made] }).statements).toEqual([
    'DROP SCHEMA IF EXISTS public',
  ]);
});
