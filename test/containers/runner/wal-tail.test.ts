import { appendFile, mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { zstdDecompressSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WalTail } from '../../../containers/runner/physical/wal-tail.ts';
import type { StreamUpload } from '../../../vault/stream-upload.ts';
import { waitUntil } from '../../local-cloud/servers/wait-until.ts';

const SEGMENT_BYTES = 64 * 1024;
const FIRST = '000000010000000000000003';
const SECOND = '000000010000000000000004';
const STATUS = `archive_status/${FIRST}.done`;

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-wal-'));
  path = join(directory, 'pg_wal.tar');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** One member without the archive's end; as an open one has it, with no size in its header. */
async function member(name: string, content: Buffer, finished = true): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name, mtime: new Date(0) }, finished ? content : Buffer.alloc(0));
  tar.finalize();
  const whole = (await buffer(tar as AsyncIterable<Buffer>)).subarray(0, -1024);
  return finished ? whole : Buffer.concat([whole, content]);
}

/** Keeps what it is given. */
class Sink {
  readonly chunks: Buffer[] = [];
  readonly write = async (chunk: Buffer): Promise<void> =>
    void this.chunks.push(Buffer.from(chunk));
  readonly finish = async () => ({ name: 'pg_wal.tar', bytes: this.bytes, artifacts: [] });

  get bytes(): number {
    return this.chunks.reduce((total, { length }) => total + length, 0);
  }
}

function follow(compression: string): { tail: WalTail; sink: Sink; done: Promise<unknown> } {
  const sink = new Sink();
  const upload = sink as unknown as StreamUpload;
  const tail = new WalTail({ path, upload, compression, punchEvery: undefined });
  return { tail, sink, done: tail.run(new AbortController().signal) };
}

async function grown(tail: WalTail, closed = false): Promise<number> {
  const { size } = await stat(path);
  tail.advance(size, closed);
  return size;
}

test('what is being received is left alone until the next member begins', async () => {
  const first = Buffer.alloc(SEGMENT_BYTES, 1);
  const second = Buffer.alloc(SEGMENT_BYTES, 2);
  await writeFile(path, await member(FIRST, Buffer.alloc(SEGMENT_BYTES), false));
  const { tail, sink, done } = follow('none');
  await grown(tail);
  // Its place is filled as it is received, and its header is written last.
  const file = await open(path, 'r+');
  await file.write(first, 0, first.length, 512);
  await grown(tail);
  await file.write(await member(FIRST, first), 0, 512, 0);
  await grown(tail);
  await appendFile(path, await member(STATUS, Buffer.alloc(0)));
  const before = (await grown(tail)) - 512;
  await waitUntil(async () => sink.bytes === before, {
    what: 'the first segment to be uploaded',
    timeoutMs: 120_000,
  });
  await appendFile(path, await member(SECOND, Buffer.alloc(SEGMENT_BYTES), false));
  await grown(tail);
  await waitUntil(async () => sink.bytes === before + 512, {
    what: 'its status to be uploaded',
    timeoutMs: 120_000,
  });
  await file.write(await member(SECOND, second), 0, 512 + SEGMENT_BYTES, before + 512);
  await file.close();
  await appendFile(path, Buffer.alloc(1024));
  await grown(tail, true);
  await done;
  const expected = [await member(FIRST, first), await member(STATUS, Buffer.alloc(0))];
  expect(Buffer.concat(sink.chunks)).toEqual(
    Buffer.concat([...expected, await member(SECOND, second), Buffer.alloc(1024)]),
  );
  expect([...tail.files]).toEqual([FIRST, SECOND]);
});

test('it is compressed on its way, and gone in the end', async () => {
  const whole = Buffer.concat([
    await member(FIRST, Buffer.alloc(SEGMENT_BYTES, 3)),
    Buffer.alloc(1024),
  ]);
  await writeFile(path, whole);
  const { tail, sink, done } = follow('zstd:1');
  await grown(tail, true);
  await done;
  expect(zstdDecompressSync(Buffer.concat(sink.chunks))).toEqual(whole);
  await expect(stat(path)).rejects.toThrow('ENOENT');
});

test.each([
  ['without its end', async () => member(FIRST, Buffer.alloc(512))],
  [
    'with half of it',
    async () => Buffer.concat([await member(FIRST, Buffer.alloc(512)), Buffer.alloc(512)]),
  ],
  [
    'in the middle of a segment',
    async () => (await member(FIRST, Buffer.alloc(1024))).subarray(0, 1000),
  ],
  ['empty', async () => Buffer.alloc(0)],
])('one that closes %s is not whole', async (_, content) => {
  await writeFile(path, await content());
  const { tail, done } = follow('none');
  await grown(tail, true);
  await expect(done).rejects.toMatchObject({ code: 'DUMP_INCOMPLETE' });
});
