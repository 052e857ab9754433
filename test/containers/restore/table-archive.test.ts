import { readFile } from 'node:fs/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseDumpToc } from '../../../containers/runner/restore/dump-toc.ts';
import { type FileSuffix, tableArchive } from '../../../containers/runner/restore/table-archive.ts';
import { containerArguments, postgresBaseImage } from '../../local-cloud/servers/container.ts';
import { type Run, startRun } from '../../local-cloud/servers/run.ts';
import { collect, inPieces } from '../../vault/example-message.ts';

const ROWS = Array.from({ length: 50_000 }, (_, i) => `${i}\todd \\\\N "name" ${i * 7919}\n`).join(
  '',
);
/** As pg_dump ends a table's data. */
const DATA = Buffer.from(`${ROWS}\\.\n\n\n`);
const COMPRESSED: Record<FileSuffix, Buffer> = {
  '': DATA,
  '.gz': gzipSync(DATA),
  '.zst': zstdCompressSync(DATA),
};

let run: Run;
beforeAll(async () => {
  run = await startRun();
});
afterAll(() => run.stop());

describe.each([
  { major: 15, fixture: 'postgres-15', suffixes: ['', '.gz'] },
  { major: 17, fixture: 'odd-names', suffixes: ['', '.gz', '.zst'] },
  { major: 18, fixture: 'postgres-18', suffixes: ['', '.gz', '.zst'] },
] as const)(
  'an archive of one table for pg_restore $major',
  async ({ major, fixture, suffixes }) => {
    const path = new URL(`../../fixtures/dump-toc/${fixture}.toc.dat`, import.meta.url);
    const toc = parseDumpToc(await readFile(path));
    const table = toc.entries.find(({ desc, tag }) => desc === 'TABLE DATA' && /^we"ird/.test(tag));
    if (table === undefined) throw new Error('The fixture has no such table.');

    /** What `pg_restore` makes of it: SQL, on standard output. */
    async function restore(archive: Buffer) {
      const program = `/usr/lib/postgresql/${major}/bin/pg_restore`;
      const words = [
        ...containerArguments(run),
        '--interactive',
        postgresBaseImage(major),
        program,
      ];
      return await execa('podman', [...words, '--format=custom', '--data-only', '--file=-'], {
        input: archive,
        reject: false,
      });
    }

    test.each(suffixes)('holds its data, out of a file called .dat%s', async (suffix) => {
      const data = inPieces(COMPRESSED[suffix], 100_000);
      const { stdout, stderr, exitCode } = await restore(
        await collect(tableArchive(toc, table, suffix, data)),
      );
      expect([stderr, exitCode]).toEqual(['', 0]);
      // Compared as one value: a difference would print megabytes.
      const statement = /^COPY .*"we""ird\nname" .*FROM stdin;\n/m.exec(stdout);
      const begins = (statement?.index ?? 0) + (statement?.[0].length ?? 0);
      expect(statement).not.toBeNull();
      expect(stdout.slice(begins).startsWith(`${ROWS}\\.\n`)).toBe(true);
      expect(stdout.match(/^COPY /gm)).toHaveLength(1);
    });

    test('is refused when its end is missing, even where the data itself has ended', async () => {
      const suffix = suffixes[suffixes.length - 1] ?? '';
      const archive = await collect(
        tableArchive(toc, table, suffix, inPieces(COMPRESSED[suffix], 70_000)),
      );
      const cut = await restore(archive.subarray(0, archive.length - 1 - toc.head.integerBytes));
      expect(cut.exitCode).toBe(1);
      expect(cut.stderr).toContain('end of file');
    });
  },
);

test('what breaks off while it is read is not ended', async () => {
  const path = new URL('../../fixtures/dump-toc/odd-names.toc.dat', import.meta.url);
  const toc = parseDumpToc(await readFile(path));
  const table = toc.entries.find(({ desc }) => desc === 'TABLE DATA');
  if (table === undefined) throw new Error('The fixture has no table.');
  async function* broken(): AsyncGenerator<Buffer> {
    yield gzipSync(DATA).subarray(0, 1000);
    throw new Error('changed');
  }
  for (const suffix of ['', '.gz'] as const) {
    await expect(collect(tableArchive(toc, table, suffix, broken()))).rejects.toThrow('changed');
  }
});
