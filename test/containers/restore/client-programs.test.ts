import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  findClientPrograms,
  programsFor,
} from '../../../containers/runner/restore/client-programs.ts';
import { exampleManifest } from '../../fixtures/example-manifest.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'programs-test-'));
  for (const major of [15, 16, 17, 18]) {
    await mkdir(binOf(major));
    const script = `#!/bin/sh\necho 'pg_restore (PostgreSQL) ${major}.3'\n`;
    await writeFile(join(binOf(major), 'pg_restore'), script, { mode: 0o755 });
  }
});
afterAll(() => rm(directory, { recursive: true }));

function binOf(major: number): string {
  return join(directory, String(major));
}

/** A restore of a backup of one major, with programs of another, into a third. */
async function needed(source: number, programs: number, target: number, format = 'directory') {
  const manifest = exampleManifest();
  const [entry] = manifest.databases;
  return await programsFor({
    manifest: {
      ...manifest,
      source: { ...manifest.source, serverVersion: `${source}.4` },
      versions: { ...manifest.versions, pgDump: `pg_dump (PostgreSQL) ${source}.4` },
    },
    entries: [{ ...entry, format } as (typeof manifest.databases)[number]],
    pgBin: binOf(programs),
    target,
  });
}

// What works, and what fails for its transaction_timeout, was tried with 15, 17 and 18.
test.each([
  [15, 15, 15],
  [15, 16, 16],
  [15, 15, 18],
  [15, 17, 17],
  [15, 18, 17],
  [17, 17, 17],
  [17, 18, 17],
  [17, 17, 18],
])('a backup of %i is restored by the programs of %i into %i', async (source, programs, target) => {
  expect((await needed(source, programs, target)).major).toBe(programs);
});

test.each([
  [15, 17, 15, '15 to 16'],
  [15, 18, 16, '15 to 16'],
  [16, 17, 16, '16'],
  [17, 15, 17, '17 or later'],
])(
  'a backup of %i is not restored by the programs of %i into %i',
  async (source, programs, target, right) => {
    await expect(needed(source, programs, target)).rejects.toMatchObject({
      code: 'CLIENT_MISSING',
      message: `A pg_restore of PostgreSQL ${right} is needed; ${join(binOf(programs), 'pg_restore')} is of PostgreSQL ${programs}.`,
      hint: expect.stringContaining(`Run the command in the backup image of PostgreSQL ${source}`),
    });
  },
);

test('plain SQL is read by psql, which may be later', async () => {
  expect((await needed(15, 17, 15, 'plain')).major).toBe(17);
});

test('programs that do not fit are passed over on the PATH', async () => {
  const path = [17, 16].map(binOf).join(':');
  expect((await findClientPrograms({ least: 15, most: 16 }, undefined, path)).major).toBe(16);
  expect((await findClientPrograms({ least: 15 }, undefined, path)).major).toBe(17);
});
