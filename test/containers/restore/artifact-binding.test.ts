import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stageDump } from '../../../containers/runner/restore/stage-dump.ts';
import type { DirectoryEntry, LogicalManifest } from '../../../contract/logical-manifest.ts';
import { decryptMessage } from '../../../vault/decryption/decrypt.ts';
import { readArtifactStream } from '../../../vault/fetch-artifact.ts';
import {
  collect,
  digestOf,
  encryptExample,
  inPieces,
  rawDataKeys,
} from '../../vault/example-message.ts';
import { type FakeS3, startFakeS3 } from '../../vault/fake-s3.ts';
import { putExampleBackup } from './example-backup.ts';

const toc = await readFile(new URL('../../fixtures/dump-toc/odd-names.toc.dat', import.meta.url));
const files = {
  'toc.dat': toc,
  '4101.dat.zst': Buffer.alloc(150_000, 'a'),
  '4102.dat.zst': Buffer.alloc(150_000, 'b'),
  '4104.dat.zst': Buffer.from('c'),
  'blobs_4106.toc': Buffer.from('16406 blob_16406.dat\n'),
  'blob_16406.dat.zst': Buffer.from('d'),
};
const dataKeys = rawDataKeys();

let fake: FakeS3;
let directory: string;
let manifest: LogicalManifest;
beforeEach(async () => {
  fake = await startFakeS3();
  directory = await mkdtemp(join(tmpdir(), 'binding-test-'));
  manifest = await putExampleBackup(fake, dataKeys, { files, bigFrom: 100_000, cutEvery: 90_000 });
});
afterEach(async () => {
  await fake.close();
  await rm(directory, { recursive: true });
});

/** Reads everything that a restore or a look at the globals decrypts. */
async function readAll(from: LogicalManifest): Promise<void> {
  const [database] = from.databases as DirectoryEntry[];
  if (database === undefined) throw new Error('The example has no database.');
  const reader = { vault: fake, dataKeys };
  await collect(readArtifactStream(reader, from, from.globals));
  const { streams } = await stageDump(reader, from, database, directory);
  const { signal } = new AbortController();
  for (const stream of streams) await collect(stream.read(signal));
}

/** The same plain text under the same key, as a message for something else; the manifest says so. */
async function rebind(
  name: string,
  other: Readonly<Record<string, string>>,
): Promise<LogicalManifest> {
  const { cluster, label } = manifest;
  const context = { cluster, backup: label, artifact: name };
  const artifact = manifest.artifacts.find((one) => one.name === name);
  const [version] = fake.objects.get(artifact?.key ?? '') ?? [];
  if (artifact === undefined || version === undefined) throw new Error(`There is no ${name}.`);
  const { plain, cipher } = artifact;
  const request = { context, plain, cipher, where: name, dataKeys };
  const bytes = await collect(
    decryptMessage(inPieces(Buffer.from(version.body ?? ''), 65_536), request),
  );
  const message = await encryptExample(bytes, { ...context, ...other }, dataKeys, 65_536);
  fake.objects.set(artifact.key, [{ ...version, body: message }]);
  const artifacts = manifest.artifacts.map((one) =>
    one.name === name ? { ...one, cipher: digestOf(message) } : one,
  );
  return { ...manifest, artifacts };
}

describe.each([
  { what: 'another cluster', other: { cluster: 'others' } },
  { what: 'another backup', other: { backup: '20261121T030000Z-logical-full-7f3a9c' } },
  { what: 'another artifact', other: { artifact: 'db-1/pack.tar.0002' } },
  { what: 'more than that', other: { table: 'x' } },
])('a message that was written for $what', ({ other }) => {
  test('is refused in the place of every artifact', async () => {
    expect(manifest.artifacts.length).toBeGreaterThan(5);
    for (const { name } of manifest.artifacts) {
      if ('artifact' in other && other.artifact === name) continue;
      const before = new Map(fake.objects);
      await rm(directory, { recursive: true });
      directory = await mkdtemp(join(tmpdir(), 'binding-test-'));
      await expect(readAll(await rebind(name, other)), name).rejects.toMatchObject({
        code: 'VAULT_INTEGRITY',
        message: expect.stringMatching(`${name} holds a message that was written for`),
      });
      for (const [key, versions] of before) fake.objects.set(key, versions);
    }
  });
});

test('a message that was written anew for its own place is read', async () => {
  for (const { name } of manifest.artifacts.slice(0, 1)) {
    await expect(readAll(await rebind(name, {}))).resolves.toBeUndefined();
  }
});
