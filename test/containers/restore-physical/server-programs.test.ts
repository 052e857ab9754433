import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findServerPrograms } from '../../../containers/runner/restore-physical/server-programs.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-programs-'));
});
afterEach(() => rm(root, { recursive: true }));

/** A major that no machine has. */
const MAJOR = 99;

async function program(directory: string, name: string, says: string, mode = 0o755): Promise<void> {
  await mkdir(join(root, directory), { recursive: true });
  await writeFile(join(root, directory, name), `#!/bin/sh\n${says}\n`);
  await chmod(join(root, directory, name), mode);
}

test('those of the first directory that has all of them, and of that version, are taken', async () => {
  await program('other', 'postgres', 'echo "postgres (PostgreSQL) 98.1"');
  for (const name of ['postgres', 'pg_verifybackup', 'pg_controldata', 'pg_waldump']) {
    await program('part', name, 'echo 99.2');
    await program('whole', name, 'echo 99.2');
  }
  await program('whole', 'pg_combinebackup', 'echo 99.2');
  const path = ['none', 'other', 'part', 'whole'].map((one) => join(root, one)).join(':');
  expect(await findServerPrograms(MAJOR, undefined, path)).toEqual({
    ...{ directory: join(root, 'whole'), major: MAJOR, version: '99.2' },
  });
});

test('what was looked at, and why it will not do, is told', async () => {
  await program('other', 'postgres', 'echo "postgres (PostgreSQL) 98.1"');
  await program('closed', 'postgres', 'echo 99.2', 0o644);
  await program('broken', 'postgres', 'echo "libpq.so.5: no such file" >&2; exit 127');
  const path = ['other', 'closed', 'broken'].map((one) => join(root, one)).join(':');
  await expect(findServerPrograms(MAJOR, undefined, path)).rejects.toMatchObject({
    code: 'CLIENT_MISSING',
    message: expect.stringMatching(
      /that of \S+\/other is 98.1, \S+\/closed\/postgres cannot be run: EACCES, \S+\/broken\/postgres cannot be run: libpq.so.5: no such file\.$/,
    ),
  });
  await expect(findServerPrograms(MAJOR, undefined, root)).rejects.toMatchObject({
    message: expect.stringContaining(
      'there is no postgres in PATH, nor in /usr/lib/postgresql/99/bin.',
    ),
  });
  await expect(findServerPrograms(MAJOR, root)).rejects.toMatchObject({
    message: expect.stringContaining(`there is no postgres in ${root}.`),
  });
});
