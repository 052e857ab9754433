import { expect, test } from 'vitest';
import type { DumpToc, TocEntry } from '../../../containers/runner/restore/dump-toc.ts';
import { restorePasses } from '../../../containers/runner/restore/restore-passes.ts';

const DELEGATED =
  'SET SESSION AUTHORIZATION clerk;\nGRANT SELECT ON TABLE t TO reader;\nRESET SESSION AUTHORIZATION;\n';

function entry(dumpId: number, desc: string, more: Partial<TocEntry> = {}): TocEntry {
  const empty = { tag: '', definition: '', namespace: '', tablespace: '', owner: '', file: '' };
  const place = { section: 0, dependencies: [], bytes: Buffer.alloc(0) };
  return { ...empty, ...place, dumpId, desc, ...more };
}

function toc(grant: string): DumpToc {
  return {
    database: 'shop',
    serverVersion: '17.11',
    head: {
      bytes: Buffer.alloc(0),
      version: [1, 16],
      integerBytes: 4,
      offsetBytes: 8,
      formatAt: 0,
    },
    entries: [
      entry(1, 'SCHEMA'),
      entry(2, 'ACL', { definition: 'GRANT USAGE ON SCHEMA s TO clerk;\n' }),
      entry(3, 'TABLE'),
      entry(4, 'ACL', { definition: grant }),
      entry(5, 'MATERIALIZED VIEW DATA'),
      entry(6, 'EVENT TRIGGER'),
      entry(7, 'COMMENT', { tag: 'EVENT TRIGGER x' }),
      entry(8, 'DEFAULT ACL'),
      entry(9, 'COMMENT', { tag: 'TABLE t' }),
    ],
  };
}

test('grants that somebody else made are replayed one after the other, in their place', () => {
  expect(restorePasses(toc(DELEGATED), undefined, 4)).toEqual([
    { dumpIds: [1, 3, 9], jobs: 4 },
    { dumpIds: [2, 4, 8], jobs: 1 },
    { dumpIds: [5, 6, 7], jobs: 4 },
  ]);
});

test('what is left out stays left out, and an empty run is none', () => {
  expect(restorePasses(toc(DELEGATED), [1, 3, 4], 4)).toEqual([
    { dumpIds: [1, 3], jobs: 4 },
    { dumpIds: [4], jobs: 1 },
  ]);
});

test("with one worker, or with owners' grants alone, it is one run", () => {
  expect(restorePasses(toc(DELEGATED), undefined, 1)).toEqual([{ dumpIds: undefined, jobs: 1 }]);
  const owners = toc('GRANT SELECT ON TABLE t TO reader;\n');
  expect(restorePasses(owners, [3], 4)).toEqual([{ dumpIds: [3], jobs: 4 }]);
});
