import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { type Header, pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { unpack as unpackTar } from '../../../containers/runner/restore-physical/unpack.ts';
import { collect, inPieces } from '../../vault/example-message.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-unpack-'));
});
afterEach(() => rm(directory, { recursive: true }));

type Entry = Partial<Header> & { readonly name: string; readonly text?: string };

async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const tar = pack();
  for (const { text = '', ...header } of entries) tar.entry(header as Header, text);
  tar.finalize();
  return await collect(tar as AsyncIterable<Buffer>);
}

async function unpack(entries: readonly Entry[], into = join(directory, 'data')): Promise<number> {
  return await unpackTar(inPieces(await tarOf(entries), 700), into);
}

describe('a tar', () => {
  test('is unpacked with its directories, whatever was compressed, byte by byte', async () => {
    const tar = await tarOf([
      { name: 'base', type: 'directory', mode: 0o750 },
      { name: 'base/1', text: 'x'.repeat(3000), mode: 0o777 },
      { name: 'global/pg_control', text: '' },
    ]);
    for (const [name, bytes] of Object.entries({
      plain: tar,
      zstd: zstdCompressSync(tar),
      gzip: gzipSync(tar),
    })) {
      const into = join(directory, name);
      expect(await unpackTar(inPieces(bytes, 1), into)).toBe(2);
      expect(await readFile(join(into, 'base/1'), 'utf8')).toBe('x'.repeat(3000));
      expect((await stat(join(into, 'base/1'))).mode & 0o777).toBe(0o640);
      expect((await stat(join(into, 'global/pg_control'))).size).toBe(0);
    }
  });

  test('is unpacked without what is left out of it', async () => {
    const tar = await tarOf([
      { name: 'tablespace_map', text: '16400 /srv/live\n' },
      { name: 'base/tablespace_map', text: 'of another name' },
    ]);
    const into = join(directory, 'data');
    expect(await unpackTar(inPieces(tar, 700), into, ['tablespace_map'])).toBe(1);
    expect(await readdir(into)).toEqual(['base']);
    expect(await readdir(join(into, 'base'))).toEqual(['tablespace_map']);
  });

  test.each([
    ['../out', { name: '../out' }],
    ['base/../../out', { name: 'base/../../out' }],
    ['/etc/out', { name: '/etc/out' }],
    ['a link', { name: 'pg_tblspc/16400', type: 'symlink', linkname: '/srv' }],
    ['a hard link', { name: 'out', type: 'link', linkname: '/etc/passwd' }],
    ['a device', { name: 'out', type: 'character-device' }],
  ] as const)('that leads out of its directory makes nothing there: %s', async (_, entry) => {
    await expect(unpack([entry])).rejects.toMatchObject({ code: 'VAULT_INTEGRITY' });
    expect(await readdir(directory)).toEqual([]);
  });

  test('with a name twice is refused', async () => {
    const twice = [
      { name: 'PG_VERSION', text: '17\n' },
      { name: 'PG_VERSION', text: '18\n' },
    ];
    await expect(unpack(twice)).rejects.toThrow('two entries');
    expect(await readFile(join(directory, 'data/PG_VERSION'), 'utf8')).toBe('17\n');
  });

  test('that is cut off is refused, compressed or not', async () => {
    const tar = await tarOf([{ name: 'base/1', text: 'x'.repeat(30_000) }]);
    const cut = (bytes: Buffer) => inPieces(bytes.subarray(0, bytes.length / 2), 512);
    await expect(unpackTar(cut(tar), directory)).rejects.toMatchObject({ code: 'VAULT_INTEGRITY' });
    await rm(join(directory, 'base'), { recursive: true });
    await expect(unpackTar(cut(zstdCompressSync(tar)), directory)).rejects.toMatchObject({
      code: 'VAULT_INTEGRITY',
    });
  });

  test('without its end, with something behind it, or with a damaged header is refused', async () => {
    const tar = await tarOf([{ name: 'base/1', text: 'x'.repeat(512) }]);
    const damaged = Buffer.from(tar);
    damaged.write('y', 0);
    for (const [found, bytes] of [
      ['lacks its end', tar.subarray(0, 1024)],
      ['lacks its end', tar.subarray(0, 1536)],
      ['lacks its end', tar.subarray(0, 1024 + 100)],
      ['follows its end', Buffer.concat([tar, tar])],
      ['is damaged', damaged],
    ] as const) {
      await expect(unpackTar(inPieces(bytes, 700), directory)).rejects.toMatchObject({
        code: 'VAULT_INTEGRITY',
        message: expect.stringContaining(found),
      });
      await rm(join(directory, 'base'), { recursive: true, force: true });
    }
  });

  test('whose bytes fail on their way fails with what they failed with', async () => {
    const tar = await tarOf([{ name: 'base/1', text: 'x'.repeat(3000) }]);
    async function* broken(): AsyncGenerator<Buffer> {
      yield tar.subarray(0, 1000);
      throw new Error('the connection is gone');
    }
    await expect(unpackTar(broken(), directory)).rejects.toThrow('the connection is gone');
  });

  test('that cannot be written says why', async () => {
    const file = join(directory, 'file');
    await writeFile(file, '');
    const tar = await tarOf([{ name: 'base/1', text: 'x' }]);
    await expect(unpackTar(inPieces(tar, 700), file)).rejects.toThrow('ENOTDIR');
  });
});
