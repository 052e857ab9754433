import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { fillAhead } from '../../../containers/runner/restore-physical/fill-ahead.ts';
import type { WalReader } from '../../../vault/wal/fetch-wal.ts';
import { type RealVault, startRealVault } from '../../vault/real-vault.ts';
import { exampleSegment, putWal } from '../../vault/wal/example-wal.ts';

const CLUSTER = 'ahead';
const [asked, first, second] = [3, 4, 5].map((number) => `00000001000000000000000${number}`) as [
  string,
  string,
  string,
];
const LOCK = '.filling';

let vault: RealVault;
let directory: string;
const contents = new Map<string, Buffer>();

beforeAll(async () => {
  vault = await startRealVault();
  for (const name of [asked, first, second]) {
    const bytes = exampleSegment(name);
    contents.set(name, bytes);
    await putWal(vault, CLUSTER, name, bytes, { compression: 'none' });
  }
}, 60_000);
afterAll(() => vault.stop());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-fill-'));
});
afterEach(() => rm(directory, { recursive: true }));

interface SlowReader {
  readonly reader: WalReader;
  /** Keys of objects that were asked for. */
  readonly fetched: readonly string[];
  /** Resolves once so many bytes of the segment have come. */
  readonly held: Promise<void>;
  release(): void;
}

/** S3 behind a slow link: one segment stops after so many bytes, until it is released. */
function slowReader(segment?: string, afterBytes = 0): SlowReader {
  const fetched: string[] = [];
  const held = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  async function* slowly(body: Readable): AsyncGenerator<Buffer> {
    let seen = 0;
    for await (const chunk of body) {
      if (seen <= afterBytes && seen + chunk.length > afterBytes) {
        yield chunk.subarray(0, afterBytes - seen);
        held.resolve();
        await released.promise;
        yield chunk.subarray(afterBytes - seen);
      } else {
        yield chunk;
      }
      seen += chunk.length;
    }
  }
  const send: typeof vault.s3.send = async (...args: [never]) => {
    const answer = (await vault.s3.send(...args)) as GetObjectCommandOutput;
    const command: unknown = args[0];
    if (!(command instanceof GetObjectCommand)) return answer;
    fetched.push(command.input.Key ?? '');
    if (segment === undefined || !command.input.Key?.endsWith(segment)) return answer;
    return { ...answer, Body: Readable.from(slowly(answer.Body as Readable)) };
  };
  const s3 = { send } as typeof vault.s3;
  return {
    reader: { vault: { ...vault, s3 }, dataKeys: vault.dataKeys, cluster: CLUSTER },
    ...{ fetched, held: held.promise, release: () => released.resolve() },
  };
}

/** As if it had not been touched for three minutes. @returns since when, milliseconds. */
async function age(name: string): Promise<number> {
  const then = new Date(Date.now() - 180_000);
  await utimes(join(directory, name), then, then);
  return then.getTime();
}

async function assertWhole(name: string): Promise<void> {
  const found = await readFile(join(directory, name));
  expect(found.equals(contents.get(name) ?? Buffer.alloc(0)), name).toBe(true);
}

test('of two that fetch the same segment, each gives it a name only once it has all of it', async () => {
  const [slow, other] = [slowReader(first, 500_000), slowReader(first)];
  const filling = fillAhead(slow.reader, asked, directory);
  await slow.held;
  await age(LOCK);
  const beside = fillAhead(other.reader, asked, directory);
  await other.held;
  slow.release();
  await filling;
  await assertWhole(first);
  // What it lost is the other's: it goes on with no more segments, and leaves the lock where it is.
  expect(slow.fetched).toHaveLength(1);
  const third = slowReader();
  await fillAhead(third.reader, asked, directory);
  expect(third.fetched).toEqual([]);
  other.release();
  await beside;
  await assertWhole(first);
  await assertWhole(second);
  expect((await readdir(directory)).sort()).toEqual([first, second]);
});

test('one that lives shows it with each segment', async () => {
  const [one, next] = [slowReader(first), slowReader(second)];
  // One after the other.
  const send: typeof vault.s3.send = async (...args: [never]) =>
    (one.fetched.length === 0 ? one : next).reader.vault.s3.send(...args);
  const both = { ...one.reader, vault: { ...vault, s3: { send } as typeof vault.s3 } };
  const filling = fillAhead(both, asked, directory);
  await one.held;
  const then = await age(LOCK);
  one.release();
  await next.held;
  const { mtimeMs } = await stat(join(directory, LOCK));
  next.release();
  await filling;
  expect(mtimeMs).toBeGreaterThan(then + 1000);
  expect((await readdir(directory)).sort()).toEqual([first, second]);
});

test('what was begun and came to nothing is removed, and not what is still being written', async () => {
  const [left, older, begun] = [`.${first}.of-a-killed`, `.${second}`, `.${second}.of-another`];
  for (const name of [left, older, begun]) await writeFile(join(directory, name), 'half');
  await age(left);
  await age(older);
  const { reader } = slowReader();
  await fillAhead(reader, asked, directory);
  expect((await readdir(directory)).sort()).toEqual([begun, first, second]);
  // One that fails leaves nothing.
  await rm(join(directory, first));
  const failing = { ...reader, signal: AbortSignal.abort(new Error('told to stop')) };
  await expect(fillAhead(failing, asked, directory)).rejects.toThrow('told to stop');
  expect((await readdir(directory)).sort()).toEqual([begun, second]);
});
