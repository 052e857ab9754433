import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createZstdDecompress, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runProgram, warningIn } from '../../../containers/runner/restore/run-program.ts';
import { parseTargetUri } from '../../../containers/runner/restore/target-connection.ts';
import { HoldfastError } from '../../../contract/errors.ts';

const target = parseTargetUri('postgresql://somebody@127.0.0.1/');
const SQL = 'select 1;\n'.repeat(100_000);

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'program-test-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function program(script: string): Promise<string> {
  const path = join(directory, 'psql');
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

test('a program is fed to its end, and its warnings are returned', async () => {
  const path = await program(`cat > ${directory}/got; echo 'psql:<stdin>:7: WARNING:  odd' >&2`);
  const input = [Readable.from([zstdCompressSync(SQL)]), createZstdDecompress()];
  expect(await runProgram(path, [], { target, input })).toEqual(['WARNING:  odd']);
  expect(await readFile(join(directory, 'got'), 'utf8')).toBe(SQL);
});

test.each([
  ['pg_restore: warning: errors ignored', 'errors ignored'],
  ['pg_restore: WARNING:  odd', 'WARNING:  odd'],
  // Two processes that write one line each.
  ['pg_restore: pg_restore: WARNING:  odd', 'WARNING:  odd'],
  ['WARNING:  odd', 'WARNING:  odd'],
  ['pg_restore: creating TABLE "warning: "', undefined],
])('%s: warns of %s', (line, warning) => {
  expect(warningIn(line)).toBe(warning);
});

test('a program that stops reading and fails says why', async () => {
  const path = await program(
    "head -c 10 >/dev/null; echo 'psql:<stdin>:1: ERROR:  no' >&2; exit 3",
  );
  await expect(runProgram(path, [], { target, input: [Readable.from([SQL])] })).rejects.toThrow(
    'psql ended with exit status 3: ERROR:  no',
  );
});

test('the statement that failed is quoted without what may be secret in it', async () => {
  const path = await program(
    `echo "Command was: CREATE USER MAPPING FOR u SERVER s OPTIONS (password 'geheim');" >&2; exit 1`,
  );
  await expect(runProgram(path, [], { target })).rejects.toThrow(
    "Command was: CREATE USER MAPPING FOR u SERVER s OPTIONS (password '…');",
  );
});

test('a program whose input breaks off has failed, though it would take that for the end', async () => {
  const path = await program('cat >/dev/null');
  const cut = zstdCompressSync(SQL).subarray(0, -10);
  const input = [Readable.from([cut]), createZstdDecompress()];
  await expect(runProgram(path, [], { target, input })).rejects.toThrow('unexpected end of file');
});

test('what keeps a program from its input is the cause, and not how the program ends of it', async () => {
  async function* broken(): AsyncGenerator<Buffer> {
    yield Buffer.from(SQL);
    throw new HoldfastError('VAULT_INTEGRITY', 'changed', { hint: 'another' });
  }
  const path = await program('cat >/dev/null; exit 3');
  const input = [Readable.from(broken(), { objectMode: false })];
  await expect(runProgram(path, [], { target, input })).rejects.toMatchObject({
    code: 'VAULT_INTEGRITY',
  });
});

test('a program that goes away while its input is silent is not waited for', async () => {
  const over = new AbortController();
  async function* silent(): AsyncGenerator<Buffer> {
    yield Buffer.from(SQL);
    await new Promise((_resolve, reject) => {
      over.signal.addEventListener('abort', () => reject(over.signal.reason));
    });
  }
  const path = await program("head -c 10 >/dev/null; echo 'pg_restore: error: gone' >&2; exit 3");
  const input = [Readable.from(silent(), { objectMode: false })];
  const running = runProgram(path, [], { target, input, onExit: () => over.abort() });
  await expect(running).rejects.toThrow('psql ended with exit status 3: pg_restore: error: gone');
});
