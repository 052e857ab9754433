import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { StderrLines } from '../../../containers/runner/process/stderr-lines.ts';

async function read(...lines: readonly string[]): Promise<StderrLines> {
  const stderr = new StderrLines(Readable.from(Buffer.from(`${lines.join('\n')}\n`)));
  await stderr.read;
  return stderr;
}

test('a warning has the details and hints that follow it, and no others', async () => {
  const stderr = await read(
    'pg_dump: detail: of nothing',
    'pg_dump: warning: could not resolve dependency loop among these items:',
    'pg_dump: detail:   TABLE a',
    'pg_dump: hint: look at it',
    'pg_dump: error: it failed',
    'pg_dump: detail: of the error',
    'pg_dumpall: warning: another',
  );
  expect(stderr.warnings).toEqual([
    'could not resolve dependency loop among these items: TABLE a look at it',
    'another',
  ]);
});

test('so many warnings are kept, and the rest is counted', async () => {
  const lines = Array.from({ length: 53 }, (_, i) => `pg_dump: warning: number ${i}`);
  const { warnings } = await read(...lines, 'pg_dump: detail: of the last');
  expect(warnings).toHaveLength(51);
  expect(warnings.slice(-2)).toEqual(['number 49', '… and 3 more warnings']);
});
