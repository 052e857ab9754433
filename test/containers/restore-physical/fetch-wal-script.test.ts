import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  aheadDirectory,
  type WalSource,
  writeFetchWalScript,
} from '../../../containers/runner/restore-physical/fetch-wal-script.ts';
import { QUARANTINE } from '../../../containers/runner/restore-physical/quarantine.ts';

const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url));

let root: string;
let data: string;
/** On this machine, with something in it. */
let used: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-script-'));
  [data, used] = [join(root, 'data'), join(root, 'in use')];
  for (const name of ['bin', 'segments', 'in use', 'data']) await mkdir(join(root, name));
  for (const name of ['pg_wal', QUARANTINE]) await mkdir(join(data, name));
  await mkdir(aheadDirectory(data));
  await copyFile(join(FIXTURES, 'fake-pg-waldump.sh'), join(root, 'bin/pg_waldump'));
  await writeFile(join(used, 'PG_17'), '');
  await writeFile(join(root, 'segments/plain'), 'plain');
  await writeFile(join(root, 'segments/used'), `makes ${used}\n`);
  await writeFile(join(root, 'segments/free'), `makes ${join(root, 'free')}\n`);
});
afterEach(() => rm(root, { recursive: true }));

/** Asks as PostgreSQL does: in the data directory, with the words of `restore_command`. */
async function ask(name: string, more: Partial<WalSource> = {}) {
  const command = await writeFetchWalScript(data, {
    command: ['sh', join(FIXTURES, 'fake-wal-fetch.sh')],
    programs: { directory: join(root, 'bin'), major: 17, version: '17.12' },
    ...{ places: [], own: [], segments: true, standby: false, ...more },
  });
  const { exitCode, signal, stderr } = await execa({
    ...{ cwd: data, reject: false, shell: true, env: { SEGMENTS: join(root, 'segments') } },
  })(command.replace('%f', name).replace('%p', 'pg_wal/RECOVERYXLOG'));
  const path = join(data, 'pg_wal/RECOVERYXLOG');
  const got = await readFile(path, 'utf8').catch(() => undefined);
  return { status: exitCode ?? signal, stderr, got };
}

describe('the program that a restored server fetches WAL with', () => {
  test('puts it where the server wants it, and passes on how it failed', async () => {
    expect(await ask('plain')).toMatchObject({ status: 0, got: 'plain' });
    expect((await ask('ends')).status).toBe(1);
    expect((await ask('gap')).status).toBe(126);
    expect((await ask('crash')).status).toBe(137);
    // PostgreSQL would take that, too, for the end.
    expect((await ask('usage')).status).toBe(126);
  });

  test('takes what was fetched ahead, and tells what was not', async () => {
    await writeFile(join(aheadDirectory(data), 'gap'), 'ahead');
    expect(await ask('gap')).toMatchObject({ status: 0, got: 'ahead' });
    await ask('plain');
    expect(await readFile(join(aheadDirectory(data), 'asked'), 'utf8')).toBe('plain');
  });

  test("has the backup's own WAL read where the vault lacks it, but not where recovery must stop", async () => {
    expect((await ask('gap', { own: ['gap'] })).status).toBe(1);
    expect((await ask('gap', { own: ['gap1'] })).status).toBe(126);
    expect((await ask('gap', { standby: true })).status).toBe(1);
    // All is in the backup: only histories are asked for.
    expect((await ask('plain', { segments: false })).status).toBe(1);
    expect((await ask('gap.history', { segments: false })).status).toBe(126);
  });

  test('stops at WAL that makes a tablespace where there is something already', async () => {
    const refused = await ask('used');
    expect(refused).toMatchObject({ status: 126, got: undefined });
    expect(refused.stderr).toBe(
      `holdfast: the WAL makes a tablespace in ${used}, which is not empty here.`,
    );
    expect((await ask('used', { places: [used] })).status).toBe(0);
    expect((await ask('free')).status).toBe(0);
    // A record may begin in one segment and end in the next, be that another timeline's.
    const [before, after] = ['000000010000000200000FFF', '000000020000000300000000'];
    const megabyte = `ends making ${used}\n`.padEnd(1024 * 1024);
    for (const name of [before, after]) await writeFile(join(root, 'segments', name), megabyte);
    expect((await ask(after)).status).toBe(0);
    expect((await ask(before)).status).toBe(0);
    expect((await ask(after)).status).toBe(126);
    // Wherever it comes from: ahead, or out of the backup.
    await writeFile(join(aheadDirectory(data), 'ahead'), `makes ${used}\n`);
    expect((await ask('ahead')).status).toBe(126);
    for (const [name, more] of [
      ['ends', {}],
      ['gap', { own: ['gap'] }],
      ['plain', { segments: false }],
    ] as const) {
      await writeFile(join(data, 'pg_wal', name), `makes ${used}\n`);
      expect((await ask(name, more)).status).toBe(126);
    }
  });
});
