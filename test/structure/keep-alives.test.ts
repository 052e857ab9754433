import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectFiles, ROOT } from './source-files.ts';

/** Arguments by which libpq's programs are told where to connect to, and that without keep-alives. */
const CONNECTS = /--dbname=(?!\$\{(conninfo\(\w+(\.\w+)*\)|KEEP_ALIVES)\})/;

test('every program that is started on a server keeps its connection alive', () => {
  const programs = projectFiles().filter((path) =>
    /^containers\/runner\/(?!restore\/find-database).*\.ts$/.test(path),
  );
  const telling = programs.filter((path) => read(path).includes('--dbname='));
  // pg_dump and pg_dumpall, pg_basebackup, pg_restore, psql and vacuumdb.
  expect(telling.length).toBeGreaterThanOrEqual(6);
  expect(telling.filter((path) => CONNECTS.test(read(path)))).toEqual([]);
});

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
