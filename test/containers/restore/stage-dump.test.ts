import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type StagedDirectory, stageDump } from '../../../containers/runner/restore/stage-dump.ts';
import { unpackFiles } from '../../../containers/runner/restore/unpack-files.ts';
import type { HoldfastError } from '../../../contract/errors.ts';
import type { DirectoryEntry, LogicalManifest } from '../../../contract/logical-manifest.ts';
import { PACK_INVENTORY } from '../../../contract/pack-inventory.ts';
import { collect, rawDataKeys } from '../../vault/example-message.ts';
import { type FakeS3, startFakeS3 } from '../../vault/fake-s3.ts';
import { putExampleBackup } from './example-backup.ts';

const toc = await readFile(new URL('../../fixtures/dump-toc/odd-names.toc.dat', import.meta.url));
const files: Record<string, Buffer> = {
  'toc.dat': toc,
  '4101.dat.zst': Buffer.alloc(250_000, 'a'),
  '4102.dat.zst': Buffer.from('b'),
  '4104.dat.zst': Buffer.alloc(1000, 'c'),
  'blobs_4106.toc': Buffer.from('16406 blob_16406.dat\n'),
  'blob_16406.dat.zst': Buffer.from('d'),
};
const dataKeys = rawDataKeys();

let fake: FakeS3;
let directory: string;
beforeEach(async () => {
  fake = await startFakeS3();
  directory = await mkdtemp(join(tmpdir(), 'stage-test-'));
});
afterEach(async () => {
  await fake.close();
  await rm(directory, { recursive: true });
});

async function stage(manifest: LogicalManifest, onStreamed?: (bytes: number) => void) {
  const [database] = manifest.databases as DirectoryEntry[];
  if (database === undefined) throw new Error('The example has no database.');
  return await stageDump({ vault: fake, dataKeys }, manifest, database, directory, onStreamed);
}

/** Reads a big table's stream to its end. */
async function readStream({ streams }: StagedDirectory): Promise<Buffer> {
  const [stream] = streams;
  if (stream === undefined) throw new Error('There is no stream.');
  return await collect(stream.read(new AbortController().signal));
}

test('puts the pack on the disk, and big tables, cut into several artifacts, together when they are read', async () => {
  const manifest = await putExampleBackup(fake, dataKeys, {
    files,
    bigFrom: 200_000,
    cutEvery: 70_000,
  });
  expect(manifest.artifacts.length).toBeGreaterThan(5);
  let arrived = 0;
  const staged = await stage(manifest, (bytes) => {
    arrived += bytes;
  });
  const { '4101.dat.zst': big, ...small } = files;
  expect((await readdir(directory)).sort()).toEqual([...Object.keys(small), PACK_INVENTORY].sort());
  for (const [name, bytes] of Object.entries(small)) {
    expect((await readFile(join(directory, name))).equals(bytes)).toBe(true);
  }
  const dumpId = staged.toc.entries.find(({ file }) => file === '4101.dat')?.dumpId;
  expect(staged.streams).toMatchObject([{ dumpId, bytes: 250_000, suffix: '.zst' }]);
  expect(arrived).toBe(0);
  expect((await readStream(staged)).equals(big as Buffer)).toBe(true);
  expect(arrived).toBeGreaterThan(250_000);
});

test('puts what cannot be streamed on the disk, however big', async () => {
  const large = { ...files, 'blob_16406.dat.zst': Buffer.alloc(250_000, 'd') };
  const manifest = await putExampleBackup(fake, dataKeys, { files: large, bigFrom: 200_000 });
  const { streams } = await stage(manifest);
  expect(streams).toHaveLength(1);
  expect((await readFile(join(directory, 'blob_16406.dat.zst'))).length).toBe(250_000);
});

test('refuses a dump that lacks a file which its table of contents names', async () => {
  const { '4102.dat.zst': _gone, ...fewer } = files;
  const manifest = await putExampleBackup(fake, dataKeys, { files: fewer });
  await expect(stage(manifest)).rejects.toMatchObject({
    code: 'VAULT_INTEGRITY',
    message: expect.stringContaining('names 4102.dat'),
  });
});

test('refuses a manifest whose key leads to another backup', async () => {
  const manifest = await putExampleBackup(fake, dataKeys, { files });
  const [first, ...others] = manifest.artifacts;
  if (first === undefined) throw new Error('The example has no artifact.');
  const key = first.key.replace('orders', 'others');
  await expect(
    stage({ ...manifest, artifacts: [{ ...first, key }, ...others] }),
  ).rejects.toMatchObject({
    code: 'VAULT_INTEGRITY',
    message: expect.stringContaining('contradicts itself'),
  });
});

test('names the artifact whose bytes were changed', async () => {
  const manifest = await putExampleBackup(fake, dataKeys, { files, bigFrom: 200_000 });
  const key = manifest.artifacts.find(({ name }) => name.includes('4101'))?.key ?? '';
  const body = Buffer.from(fake.objects.get(key)?.[0]?.body ?? '');
  body.writeUInt8(body.readUInt8(100_000) ^ 1, 100_000);
  fake.objects.set(key, [{ versionId: 'v1', body }]);
  await expect(readStream(await stage(manifest))).rejects.toMatchObject({
    code: 'VAULT_INTEGRITY',
    message: expect.stringContaining(key),
  });
});

/** What somebody can do who writes manifests and cannot encrypt: name what is there in other ways. */
describe('a forged manifest is refused', () => {
  const big = { ...files, '4102.dat.zst': Buffer.alloc(250_000, 'b') };

  async function forge(change: (database: DirectoryEntry) => Partial<DirectoryEntry>) {
    const shape = { files: big, bigFrom: 200_000, cutEvery: 1000 * 70 };
    const manifest = await putExampleBackup(fake, dataKeys, shape);
    const [database] = manifest.databases as DirectoryEntry[];
    if (database === undefined) throw new Error('The example has no database.');
    return await stage({ ...manifest, databases: [{ ...database, ...change(database) }] }).then(
      () => 'It was staged.',
      ({ code, message }: HoldfastError) => `${code}: ${message}`,
    );
  }

  function changed(
    { files: all }: DirectoryEntry,
    change: (artifacts: readonly string[]) => readonly string[],
  ): Partial<DirectoryEntry> {
    const [first, ...others] = all;
    if (first === undefined) throw new Error('The example has no big file.');
    const artifacts = [...change(first.artifacts)];
    return { files: [{ ...first, artifacts, bytes: artifacts.length * 70_000 }, ...others] };
  }

  test('that exchanges two tables', async () => {
    const found = await forge(({ files: [one, other] }) => ({
      files: [
        { ...one, name: '4102.dat.zst' },
        { ...other, name: '4101.dat.zst' },
      ] as DirectoryEntry['files'],
    }));
    expect(found).toContain('gives db-1/4101.dat.zst.0001 for piece 1 of db-1/4102.dat.zst');
  });

  test("that exchanges, repeats or leaves out a file's artifacts", async () => {
    const ways: ((artifacts: readonly string[]) => readonly string[])[] = [
      ([one = '', two = '', ...others]) => [two, one, ...others],
      ([one = '', , ...others]) => [one, one, ...others],
      ([, ...others]) => others,
    ];
    for (const way of ways) {
      expect(await forge((database) => changed(database, way))).toMatch(/gives .* for piece \d of/);
    }
  });

  test("that leaves out a file's last artifact", async () => {
    const found = await forge((database) => changed(database, (all) => all.slice(0, -1)));
    expect(found).toContain('gives 3 pieces for 4101.dat.zst, of which the dump has 4');
  });

  test('that leaves out a file', async () => {
    const found = await forge((database) => ({ files: database.files.slice(1) }));
    expect(found).toContain('gives 0 pieces for 4101.dat.zst, of which the dump has 4');
  });

  test('that gives a file twice, whose rows would come twice', async () => {
    const found = await forge(({ files: all }) => ({ files: [...all, ...all.slice(0, 1)] }));
    expect(found).toContain('gives a file twice');
  });

  test("that leaves out the pack's last artifact", async () => {
    const many = { ...files, '4104.dat.zst': Buffer.alloc(190_000, 'c') };
    const manifest = await putExampleBackup(fake, dataKeys, { files: many, cutEvery: 1024 * 70 });
    const [database] = manifest.databases as DirectoryEntry[];
    if (database === undefined) throw new Error('The example has no database.');
    const artifacts = database.pack.artifacts.slice(0, -1);
    expect(artifacts.length).toBeGreaterThan(1);
    const pack = { ...database.pack, artifacts, bytes: artifacts.length * 1024 * 70 };
    const forged = { ...manifest, databases: [{ ...database, pack }] };
    await expect(stage(forged)).rejects.toThrow();
  });
});

test.each(['../evil', 'a/b', '/etc/passwd', '', '.hidden'])(
  'writes no file called %j',
  async (name) => {
    const tar = pack();
    tar.entry({ name }, 'x');
    tar.finalize();
    await expect(unpackFiles(tar as AsyncIterable<Buffer>, directory)).rejects.toMatchObject({
      code: 'VAULT_INTEGRITY',
    });
    expect(await readdir(directory)).toEqual([]);
  },
);

test('refuses links, and a name that comes twice', async () => {
  const link = pack();
  link.entry({ name: 'toc.dat', type: 'symlink', linkname: '/etc/passwd' });
  link.finalize();
  await expect(unpackFiles(link as AsyncIterable<Buffer>, directory)).rejects.toThrow('symlink');
  const twice = pack();
  twice.entry({ name: 'toc.dat' }, 'x');
  twice.entry({ name: 'toc.dat' }, 'y');
  twice.finalize();
  await expect(unpackFiles(twice as AsyncIterable<Buffer>, directory)).rejects.toThrow('two files');
});
