import { expect, test } from 'vitest';
import { describeRescue } from '../../cli/describe-rescue.ts';
import { describeDatabase, describeServer } from '../../cli/describe-restore.ts';
import { describePhysicalRestore, describeServerUp } from '../../cli/describe-restore-physical.ts';
import { createProgressDisplay } from '../../cli/progress.ts';
import { pgRestoreProgress } from '../../containers/runner/restore/restore-progress.ts';
import type { RestoreResult } from '../../containers/runner/restore/restore-request.ts';
import type { PhysicalRestoreResult } from '../../containers/runner/restore-physical/physical-restore-request.ts';
import { exampleManifest } from '../fixtures/example-manifest.ts';
import type { FakeS3 } from '../vault/fake-s3.ts';
import { testIo } from './test-io.ts';

const STATEMENT =
  'ALTER TABLE ONLY public.a ADD CONSTRAINT b FOREIGN KEY (c) REFERENCES public.d(e);';
const RESULT: RestoreResult = {
  database: 'shop',
  name: 'copy',
  keptAs: undefined,
  tables: 1,
  dumpBytes: 10,
  databaseBytes: 20,
  notRestored: [{ what: 'FK CONSTRAINT public.a b', why: 'so', statement: STATEMENT }],
  warnings: [],
  // It waited for the others to be whole.
  seconds: { fetch: 0.5, restore: 0.25, analyze: 0.25, total: 60 },
};

test('one table is one, and a foreign key that was left out comes with its statement', () => {
  const words = describeDatabase(RESULT, exampleManifest());
  expect(words).toContain('"copy": 1 table, ');
  expect(words).toContain(`Not restored: FK CONSTRAINT public.a b (so): ${STATEMENT}\n`);
});

test('a rescue tells of what has no rows, and never of 0 tables', () => {
  const { warnings, notRestored } = RESULT;
  const rescue = {
    ...{ database: 'shop', into: 'shop', schema: 'r', tables: [], dumpBytes: 10, next: [] },
    ...{ others: ['VIEW r."Seen"'], notRestored, warnings },
    seconds: { fetch: 1, restore: 1, copy: 1, total: 3 },
  };
  const words = describeRescue(rescue, exampleManifest());
  expect(words).toContain('Rescued no table, but what else was chosen, of "shop" into');
  expect(words).toContain('\n  VIEW r."Seen"\n');
  const table = { original: 'public.a', restored: 'r.a', rows: 7 };
  expect(describeRescue({ ...rescue, tables: [table] }, exampleManifest())).toMatch(
    /^Rescued 1 table of "shop"[\s\S]*\n {2}r\.a: 7 rows, of public\.a\n/,
  );
});

test('of several databases each is told its own time', () => {
  const databases = [RESULT, { ...RESULT, name: 'other', tables: 2 }];
  const result = { databases, roles: undefined, dropped: [], seconds: { total: 61 } };
  const words = describeServer(result, exampleManifest());
  expect(words).toMatch(/"copy": 1 table, .*, 1\.0 s\n/);
  expect(words).toMatch(/"other": 2 tables, .*, 1\.0 s\n/);
  expect(words).not.toContain('1 min,');
});

test('a line of progress is written once, and once more for the next database', () => {
  const io = testIo({} as FakeS3);
  const display = createProgressDisplay(io);
  const whole = { stage: 'restore', done: 1, total: 1, unit: 'tables' } as const;
  for (let at = 0; at < 4; at += 1) display.report(whole);
  expect(io.err()).toBe('load: 1 of 1 tables\n');
  display.end();
  display.report(whole);
  expect(io.err()).toBe('load: 1 of 1 tables\n'.repeat(2));
});

test('only tables that were chosen are counted', () => {
  const entries = [1, 2, 3].map((dumpId) => ({ dumpId, desc: 'TABLE DATA' }));
  const totals: number[] = [];
  for (const dumpIds of [undefined, [2]]) {
    const report = pgRestoreProgress({ entries } as never, dumpIds, ({ total }) => {
      totals.push(total);
    });
    report('pg_restore: processing data for table "public.a"');
  }
  expect(totals).toEqual([3, 1]);
});

const PHYSICAL: PhysicalRestoreResult = {
  ...{ directory: '/data/new', label: '20261120T030000Z-physical-full-7f3a9c' },
  ...{ members: ['20261120T030000Z-physical-full-7f3a9c'], tablespaces: [], warnings: [] },
  ...{ state: 'promoted', timeline: 2, redoneLsn: '0/3000110', lastCommit: null, stoppedAt: null },
  ...{ port: 54321, socketDirectory: '/data/new/holdfast-quarantine', logFile: '/data/new/log' },
  programs: '/usr/lib/postgresql/17/bin',
  seconds: { fetch: 1, combine: 0, verify: 1, recover: 2, total: 4 },
};

test('only of a server that has left recovery it is told what it has replayed', () => {
  expect(describePhysicalRestore(PHYSICAL)).toContain(
    '\nThe server was promoted, and writes on timeline 2; last record replayed: 0/3000110, last commit: none since the base backup.\n',
  );
  const stopped = { ...PHYSICAL, redoneLsn: null, stoppedAt: 'before commit of transaction 742' };
  expect(describeServerUp({ ...stopped, state: 'paused' })).toContain(
    'the server is read-only; stopped before commit of transaction 742.\n',
  );
  expect(describePhysicalRestore({ ...stopped, state: 'stopped' })).not.toContain('none');
});

test('what is printed to be run names the program and the user', () => {
  expect(describePhysicalRestore(PHYSICAL)).toContain(
    'To look at it: /usr/lib/postgresql/17/bin/postgres -D /data/new\n',
  );
  expect(describeServerUp(PHYSICAL)).toContain(
    'psql "host=/data/new/holdfast-quarantine port=54321 dbname=postgres user=postgres"\n',
  );
});
