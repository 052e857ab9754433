import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { gather } from '../../vault/gather.ts';

const PIECE = 256 * 1024;
const BODY = randomBytes(3 * PIECE + 12_345);

/** As TLS brings them. */
function* chunks(body: Buffer, bytes = 16 * 1024): Generator<Buffer> {
  for (let at = 0; at < body.length; at += bytes) yield body.subarray(at, at + bytes);
}

async function copies(pieces: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const found: Buffer[] = [];
  for await (const piece of pieces) found.push(Buffer.from(piece));
  return found;
}

test.each([1000, 16 * 1024, 2 * PIECE + 1])('chunks of %i bytes are joined', async (bytes) => {
  const found = await copies(gather(Readable.from(chunks(BODY, bytes)), BODY.length));
  expect(found.map(({ length }) => length)).toEqual([PIECE, PIECE, PIECE, 12_345]);
  expect(Buffer.concat(found).equals(BODY)).toBe(true);
});

test.each([0, 10, BODY.length * 2])('%i bytes were expected', async (expected) => {
  const found = await copies(gather(Readable.from(chunks(BODY)), expected));
  expect(Buffer.concat(found).equals(BODY)).toBe(true);
});

test('an empty body has no piece', async () => {
  expect(await copies(gather(Readable.from([]), 0))).toEqual([]);
});

test('what had arrived is handed on before the body fails', async () => {
  const body = new Readable({ read() {} });
  body.push(BODY.subarray(0, 20_000));
  const gathering = gather(body, BODY.length);
  const first = gathering.next();
  await turn();
  body.destroy(new Error('reset by peer'));
  expect((await first).value).toEqual(BODY.subarray(0, 20_000));
  await expect(gathering.next()).rejects.toThrow('reset by peer');
});

test('a body that is closed without a word has not ended', async () => {
  const body = new Readable({ read() {} });
  const gathering = gather(body, BODY.length).next();
  body.destroy();
  await expect(gathering).rejects.toThrow('closed');
});

test('a body that broke before anybody asked it is no endless wait', async () => {
  const body = new Readable({ read() {} });
  body.on('error', () => {});
  body.destroy(new Error('reset by peer'));
  await turn();
  await expect(gather(body, BODY.length).next()).rejects.toThrow('reset by peer');
});

test('a piece that is kept is found empty, and not as another', async () => {
  const kept: Buffer[] = [];
  for await (const piece of gather(Readable.from(chunks(BODY)), BODY.length)) kept.push(piece);
  expect(kept.slice(0, 3).map(({ length }) => length)).toEqual([0, 0, 0]);
});

test('no more is read than one piece beyond what was asked for', async () => {
  let read = 0;
  const body = Readable.from(
    (function* () {
      for (const chunk of chunks(BODY)) {
        read += chunk.length;
        yield chunk;
      }
    })(),
    { highWaterMark: 1 },
  );
  const gathering = gather(body, BODY.length);
  await gathering.next();
  for (let turns = 0; turns < 200; turns += 1) await turn();
  expect(read).toBeLessThan(2.5 * PIECE);
  await gathering.return(undefined);
  body.destroy();
});
