import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import {
  createDatabaseStatement,
  databaseEntries,
  statementsFor,
} from '../../../containers/runner/restore/database-statements.ts';
import { type DumpToc, parseDumpToc } from '../../../containers/runner/restore/dump-toc.ts';
import { requiredRoles } from '../../../containers/runner/restore/required-roles.ts';
import { selectEntries } from '../../../containers/runner/restore/select-entries.ts';

// Written by pg_dump 17: a database "sh op" of shop's, with odd names, grants, a policy, settings.
const bytes = await readFile(new URL('../../fixtures/dump-toc/odd-names.toc.dat', import.meta.url));
const toc = parseDumpToc(bytes);

test('reads a table of contents that pg_dump 17 wrote', () => {
  expect(toc.database).toBe('sh op');
  expect(toc.serverVersion).toMatch(/^17\./);
  const table = toc.entries.find(({ desc, tag }) => desc === 'TABLE' && tag === 't');
  expect(table).toMatchObject({ namespace: 'public', owner: 'shop' });
  const data = toc.entries.filter(({ desc }) => desc === 'TABLE DATA');
  expect(data.map(({ tag }) => tag).sort()).toEqual(['p1', 't', 'we"ird\nname']);
  expect(data.every(({ file }) => /^\d+\.dat$/.test(file))).toBe(true);
});

test('says that a cut or alien file is none, and which versions it reads', () => {
  for (const length of [0, 4, 11, 60, bytes.length - 1]) {
    expect(() => parseDumpToc(bytes.subarray(0, length))).toThrow('cannot be read');
  }
  const newer = Buffer.from(bytes);
  newer[6] = 99;
  expect(() => parseDumpToc(newer)).toThrow('archive format is 1.99');
});

test('finds every role that the dump needs, and none that only a text mentions', () => {
  expect([...requiredRoles(toc)].sort()).toEqual(['Odd "Reader', 'bob', 'postgres', 'shop']);
});

test('makes the database anew under another name, with its locale', () => {
  const statement = createDatabaseStatement(toc, 'new "one"', { tablespaces: new Set() });
  expect(statement).toBe(
    `CREATE DATABASE "new ""one""" WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'en_US.UTF-8'`,
  );
});

test('replays the properties of the database under the new name, texts untouched', () => {
  const statements = databaseEntries(toc).flatMap((entry) => statementsFor(entry, 'copy'));
  expect(statements).toContain(`COMMENT ON DATABASE "copy" IS 'It''s DATABASE x; y'`);
  expect(statements).toContain(`ALTER DATABASE "copy" CONNECTION LIMIT = 7`);
  expect(statements).toContain(`ALTER DATABASE "copy" SET work_mem TO '7MB'`);
  expect(statements).toContain(`ALTER ROLE bob IN DATABASE "copy" SET search_path TO 'a', 'b'`);
  expect(statements).toContain(`GRANT CONNECT ON DATABASE "copy" TO "Odd ""Reader"`);
  expect(statements.join()).not.toContain('sh op');
});

test('drops a tablespace that the target lacks, and keeps one that it has', () => {
  const definition = `CREATE DATABASE x WITH TEMPLATE = template0 TABLESPACE = "fast disk" LOCALE = 'C';\n`;
  const [entry] = toc.entries;
  if (entry === undefined) throw new Error('The fixture is empty.');
  const one: DumpToc = { ...toc, entries: [{ ...entry, desc: 'DATABASE', definition }] };
  expect(createDatabaseStatement(one, 'y', { tablespaces: new Set() })).not.toContain('TABLESPACE');
  expect(createDatabaseStatement(one, 'y', { tablespaces: new Set(['fast disk']) })).toContain(
    'TABLESPACE = "fast disk"',
  );
});

test('refuses when roles are missing, or leaves out what needs them and tells of it', () => {
  const target = {
    roles: new Set(['postgres', 'pg_database_owner', 'shop', 'Odd "Reader']),
    tablespaces: new Set(['pg_default']),
  };
  expect(() => selectEntries(toc, target, { noOwner: false })).toThrow(
    'lacks roles that the database needs: bob.',
  );
  const selection = selectEntries(toc, target, { noOwner: true });
  expect(selection.notRestored.map(({ what }) => what)).toEqual([
    'owners',
    'ACL public.TABLE t',
    'POLICY public.t p',
    'DEFAULT ACL public.DEFAULT PRIVILEGES FOR TABLES',
  ]);
  expect(selection.dumpIds).toHaveLength(toc.entries.length - 3);
  const all = new Set([...target.roles, 'bob']);
  expect(selectEntries(toc, { ...target, roles: all }, { noOwner: false })).toMatchObject({
    dumpIds: undefined,
    notRestored: [],
  });
});

test('leaves subscriptions out, with what is said of them, and tells of it', () => {
  const [entry] = toc.entries;
  if (entry === undefined) throw new Error('the fixture is empty');
  const subscription = { ...entry, dumpId: 9001, desc: 'SUBSCRIPTION', namespace: '', tag: 'feed' };
  const comment = { ...subscription, dumpId: 9002, desc: 'COMMENT', tag: 'SUBSCRIPTION feed' };
  const target = {
    roles: new Set(['postgres', 'pg_database_owner', 'shop', 'Odd "Reader', 'bob']),
    tablespaces: new Set(['pg_default']),
  };
  const entries = [...toc.entries, subscription, comment];
  const { dumpIds, notRestored } = selectEntries({ ...toc, entries }, target, { noOwner: false });
  expect(dumpIds).toEqual(toc.entries.map(({ dumpId }) => dumpId));
  expect(notRestored.map(({ what }) => what)).toEqual([
    'SUBSCRIPTION feed',
    'COMMENT SUBSCRIPTION feed',
  ]);
});

test('without grants and tablespaces neither is restored, and no grantee is needed', () => {
  const target = { roles: new Set(['shop', 'postgres']), tablespaces: new Set<string>() };
  const { dumpIds, ofDatabase, notRestored } = selectEntries(toc, target, {
    noOwner: true,
    noPrivileges: true,
    noTablespaces: true,
  });
  const restored = toc.entries.filter(({ dumpId }) => dumpIds?.includes(dumpId));
  expect([...restored, ...ofDatabase].filter(({ desc }) => desc.endsWith('ACL'))).toEqual([]);
  expect(notRestored).toContainEqual({ what: 'grants', why: 'asked for by --no-privileges' });
  expect(JSON.stringify(notRestored)).not.toContain('"ACL ');
});
