import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { finish, makeUnfinished } from '../../../containers/runner/restore-physical/unfinished.ts';

let directory: string;
let unfinished: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'unfinished-test-'));
  unfinished = await makeUnfinished(directory);
  await writeFile(join(unfinished, 'PG_VERSION'), '17\n');
  await mkdir(join(unfinished, 'base'));
  await writeFile(join(unfinished, 'base', '1'), 'row');
});
afterEach(() => rm(directory, { recursive: true }));

test('what was laid out comes to its place, also where that is there already', async () => {
  // A source that had been restored itself has an empty directory for each tablespace in its data directory.
  await mkdir(join(unfinished, 'holdfast-tablespaces', '16400'), { recursive: true });
  await mkdir(join(directory, 'holdfast-tablespaces', '16400'), { recursive: true });
  await writeFile(join(directory, 'holdfast-tablespaces', '16400', 'PG_17'), 'cold');
  await finish(directory);
  expect((await readdir(directory)).sort()).toEqual(['PG_VERSION', 'base', 'holdfast-tablespaces']);
  expect(await readFile(join(directory, 'base', '1'), 'utf8')).toBe('row');
  const cold = join(directory, 'holdfast-tablespaces', '16400', 'PG_17');
  expect(await readFile(cold, 'utf8')).toBe('cold');
});

test('what lets a server start comes last', async () => {
  await writeFile(join(directory, 'base'), 'in the way');
  await expect(finish(directory)).rejects.toThrow('ENOTDIR');
  expect(await readdir(directory)).not.toContain('PG_VERSION');
});
