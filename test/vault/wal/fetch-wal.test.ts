import { ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { segmentName } from '../../../contract/wal-segments.ts';
import { findWalFile, type WalReader } from '../../../vault/wal/fetch-wal.ts';
import { laterWal } from '../../../vault/wal/later-wal.ts';
import { readTimelineHistory } from '../../../vault/wal/read-history.ts';
import { answerWalRequest } from '../../../vault/wal/wal-answer.ts';
import { collect } from '../example-message.ts';
import { type RealVault, startRealVault } from '../real-vault.ts';
import { exampleSegment, putIncrement, putWal, SEGMENT_BYTES } from './example-wal.ts';

let vault: RealVault;
beforeAll(async () => {
  vault = await startRealVault();
}, 60_000);
afterAll(() => vault.stop());

const NAME = '000000010000000000000003';

function reader(cluster: string): WalReader {
  return { vault, dataKeys: vault.dataKeys, cluster };
}

async function read(cluster: string, name = NAME): Promise<Buffer> {
  const file = await findWalFile(reader(cluster), name);
  if (file === undefined) throw new Error('It was not found.');
  return collect(file.read());
}

test.each(['zstd', 'none'] as const)(
  'reads a whole segment, compression %s',
  async (compression) => {
    const bytes = exampleSegment(NAME);
    await putWal(vault, `whole-${compression}`, NAME, bytes, { compression });
    const file = await findWalFile(reader(`whole-${compression}`), NAME);
    expect(file).toMatchObject({ from: 'object', reach: undefined });
    expect((await read(`whole-${compression}`)).equals(bytes)).toBe(true);
  },
);

test('what is not there is not found, also beside what looks like it', async () => {
  await putWal(vault, 'beside', `${NAME}.partial`, exampleSegment(NAME));
  expect(await findWalFile(reader('beside'), '000000010000000000000002')).toBeUndefined();
  expect(await findWalFile(reader('beside'), '00000002.history')).toBeUndefined();
  expect((await read('beside', `${NAME}.partial`)).length).toBe(SEGMENT_BYTES);
  await expect(findWalFile(reader('beside'), 'RECOVERYXLOG')).rejects.toMatchObject({
    code: 'REQUEST_INVALID',
  });
});

test('of a timeline that was left, what its .partial has is given where increments end before', async () => {
  const bytes = exampleSegment(NAME);
  const left = Buffer.concat([bytes.subarray(0, 12_000), Buffer.alloc(SEGMENT_BYTES - 12_000)]);
  await putWal(vault, 'left', `${NAME}.partial`, bytes.subarray(0, 12_000));
  expect(await findWalFile(reader('left'), NAME)).toMatchObject({ from: 'partial', reach: 12_000 });
  expect((await read('left')).equals(left)).toBe(true);
  await putIncrement(vault, 'left', NAME, [0, 9000], bytes);
  expect(await findWalFile(reader('left'), NAME)).toMatchObject({ from: 'partial' });
  await putIncrement(vault, 'left', NAME, [9000, 12_000], bytes);
  expect(await findWalFile(reader('left'), NAME)).toMatchObject({ from: 'increments' });
  await putWal(vault, 'left', NAME, bytes);
  expect(await findWalFile(reader('left'), NAME)).toMatchObject({ from: 'object' });
});

test('a whole segment goes before its increments', async () => {
  const bytes = exampleSegment(NAME);
  await putIncrement(vault, 'both', NAME, [0, 9000], bytes);
  expect(await findWalFile(reader('both'), NAME)).toMatchObject({ from: 'increments' });
  await putWal(vault, 'both', NAME, bytes);
  expect(await findWalFile(reader('both'), NAME)).toMatchObject({ from: 'object' });
});

test.each([
  [
    'one after the other',
    [
      [0, 20],
      [20, 8192],
      [8192, 30_000],
    ],
    30_000,
  ],
  [
    'overlapping',
    [
      [0, 9000],
      [0, 100],
      [5000, 20_000],
      [19_999, 20_001],
    ],
    20_001,
  ],
  [
    'with a hole',
    [
      [0, 9000],
      [9001, 20_000],
    ],
    9000,
  ],
  ['up to the end', [[0, SEGMENT_BYTES]], SEGMENT_BYTES],
  [
    'byte by byte at first',
    [
      [0, 1],
      [1, 2],
      [2, 40],
    ],
    40,
  ],
] as const)('joins increments, %s, and fills up with zeros', async (name, pieces, reach) => {
  const cluster = name.replaceAll(' ', '-');
  const bytes = exampleSegment(NAME);
  for (const piece of pieces) await putIncrement(vault, cluster, NAME, piece, bytes);
  expect(await findWalFile(reader(cluster), NAME)).toMatchObject({ from: 'increments', reach });
  const found = await read(cluster);
  expect(found.length).toBe(SEGMENT_BYTES);
  expect(found.subarray(0, reach).equals(bytes.subarray(0, reach))).toBe(true);
  expect(found.subarray(reach).every((byte) => byte === 0)).toBe(true);
});

test('increments that do not begin at the start are nothing', async () => {
  await putIncrement(vault, 'late', NAME, [8192, 9000], exampleSegment(NAME));
  expect(await findWalFile(reader('late'), NAME)).toBeUndefined();
});

test('takes zeros after a switch of segments, and pages of the timeline before', async () => {
  const next = '000000020000000000000003';
  const bytes = exampleSegment(next, { switchAtPage: 2, blankFromPage: 5 });
  await putWal(vault, 'switch', next, bytes);
  expect((await read('switch', next)).equals(bytes)).toBe(true);
});

test('refuses what is not what its name and its metadata say', async () => {
  const other = exampleSegment('000000010000000000000004');
  await putWal(vault, 'other', NAME, other);
  await expect(read('other')).rejects.toMatchObject({
    code: 'VAULT_INTEGRITY',
    message: expect.stringContaining('the page at 0/300000 is that of 0/400000'),
  });
  await putIncrement(vault, 'other-piece', NAME, [0, 100], exampleSegment(NAME));
  await putIncrement(vault, 'other-piece', NAME, [100, 20_000], other);
  await expect(read('other-piece')).rejects.toThrow('the page at 0/302000 is that of 0/402000');
  await putWal(vault, 'line', NAME, exampleSegment('000000020000000000000003'));
  await expect(read('line')).rejects.toThrow('is of timeline 2');
  await putWal(vault, 'system', NAME, exampleSegment(NAME, { system: '99' }));
  await expect(read('system')).rejects.toThrow('its pages are of system 99');
  await putWal(vault, 'sum', NAME, exampleSegment(NAME), {
    metadata: { sha256: '0'.repeat(64) },
  });
  await expect(read('sum')).rejects.toThrow('where its metadata states 0000');
  await putWal(vault, 'short', NAME, exampleSegment(NAME).subarray(0, 8192));
  await expect(read('short')).rejects.toThrow('holds 8192 bytes of a segment of 1048576 bytes');
  await putWal(vault, 'moved', NAME, exampleSegment(NAME), {
    context: '000000010000000000000005',
  });
  await expect(read('moved')).rejects.toThrow('was written for');
  await putWal(vault, 'plain', NAME, exampleSegment(NAME), {
    ...{ compression: 'none', metadata: { compression: 'zstd' } },
  });
  await expect(read('plain')).rejects.toThrow('cannot be decompressed');
  await putWal(vault, 'bare', NAME, exampleSegment(NAME), { metadata: { sha256: 'x' } });
  await expect(read('bare')).rejects.toMatchObject({ code: 'VAULT_INTEGRITY' });
  await putIncrement(vault, 'long', NAME, [0, 100], exampleSegment(NAME), {
    metadata: { bytes: '99' },
  });
  await expect(read('long')).rejects.toThrow('not those that its name says');
});

test("reads a timeline's history", async () => {
  await putWal(vault, 'lines', '00000002.history', Buffer.from('1\t0/300100\twhy\n'));
  expect(await readTimelineHistory(reader('lines'), 2)).toEqual([
    { timeline: 1, switchLsn: 0x30_0100n, reason: 'why' },
  ]);
  expect(await readTimelineHistory(reader('lines'), 1)).toEqual([]);
  expect(await readTimelineHistory(reader('lines'), 3)).toBeUndefined();
});

test('a segment that is missing on a timeline without whole ones is a gap, whatever the size of segments', async () => {
  // Of 1 MB: by the default it would be no segment's name.
  const [before, missing] = ['000000010000000000000104', '000000020000000000000105'] as const;
  await putWal(vault, 'sized', before, exampleSegment(before));
  const history = '1\t0/10480000\tpromoted\n2\t0/10580000\tpromoted\n';
  await putWal(vault, 'sized', '00000003.history', Buffer.from(history));
  await expect(answerWalRequest(reader('sized'), missing)).rejects.toMatchObject({
    code: 'WAL_GAP',
  });
});

test('what is stored while it is looked for, after what follows on it, is no gap', async () => {
  const cluster = 'overtaken';
  const next = segmentName({ timeline: 1, number: 4 }, SEGMENT_BYTES);
  await putWal(vault, cluster, next, exampleSegment(next));
  let stored: Promise<unknown> | undefined;
  const send: typeof vault.s3.send = async (...args: [never]) => {
    const answer = await vault.s3.send(...args);
    // Not there yet when it was asked for, and then what follows is found.
    stored ??= putWal(vault, cluster, NAME, exampleSegment(NAME));
    await stored;
    return answer;
  };
  const slow = { ...reader(cluster), vault: { ...vault, s3: { send } as typeof vault.s3 } };
  expect(await answerWalRequest(slow, NAME)).toMatchObject({ from: 'object' });
});

test.each([
  // In no segment's name of PostgreSQL's default length is the last number so great.
  ['shorter', 1, '000000010000000000000110', '000000010000000000000111'],
  ['longer', 64, '000000010000000000000003', '000000010000000000000004'],
] as const)(
  'where no segment is whole, the first page says that they are %s than usual',
  async (cluster, mebibytes, name, next) => {
    const segmentBytes = mebibytes * 1024 * 1024;
    for (const one of [name, next]) {
      const bytes = exampleSegment(one, { segmentBytes });
      await putIncrement(vault, cluster, one, [0, 20], bytes);
      await putIncrement(vault, cluster, one, [20, 9000], bytes);
    }
    expect(await laterWal(reader(cluster), name)).toMatchObject({
      ...{ key: expect.stringContaining(`${next}/`), needed: segmentBytes },
    });
    expect(await laterWal(reader(cluster), next)).toBeUndefined();
  },
);

test('that WAL ends is found out without listing increments of segments that are whole', async () => {
  const cluster = 'year-old';
  const names = [3, 4, 5, 6].map((number) => segmentName({ timeline: 1, number }, SEGMENT_BYTES));
  const [last = '', asked = ''] = names.slice(-2);
  let listings = 0;
  const send: typeof vault.s3.send = async (...args: [never]) => {
    const command: unknown = args[0];
    if (!(command instanceof ListObjectVersionsCommand)) return await vault.s3.send(...args);
    listings += 1;
    return await vault.s3.send(new ListObjectVersionsCommand({ ...command.input, MaxKeys: 4 }));
  };
  const counted = { ...reader(cluster), vault: { ...vault, s3: { send } as typeof vault.s3 } };
  const answer = async (name: string) => {
    listings = 0;
    const found = await answerWalRequest(counted, name);
    return { reach: found?.reach, listings };
  };
  const history = async (bytes: number): Promise<void> => {
    for (const name of names.slice(0, -1)) {
      await putIncrement(vault, cluster, name, [0, bytes], exampleSegment(name));
    }
  };
  for (const name of names.slice(0, -1)) await putWal(vault, cluster, name, exampleSegment(name));
  const fresh = await answer(asked);
  expect(fresh.reach).toBeUndefined();
  for (let bytes = 9000; bytes < 12_000; bytes += 1000) await history(bytes);
  expect(await answer(asked)).toEqual(fresh);
  await putIncrement(vault, cluster, asked, [0, 9000], exampleSegment(asked));
  expect(await answer(asked)).toEqual({ ...fresh, reach: 9000 });
  expect((await answer(last)).reach).toBeUndefined();
});
