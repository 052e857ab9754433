import { expect, test } from 'vitest';
import { parseTimelineHistory } from '../../contract/timeline-history.ts';
import {
  gapsOf,
  joined,
  pathTo,
  rangesOf,
  reachFrom,
  reachOf,
} from '../../contract/wal-coverage.ts';
import {
  formatLsn,
  nextSegment,
  parseLsn,
  parseSegmentName,
  parseWalFileName,
  previousSegment,
  segmentAt,
  segmentName,
} from '../../contract/wal-segments.ts';

const MIB = 1024 * 1024;

test.each(['0/0', '0/3000028', 'A/FFFFFFFF', 'FFFFFFFF/FFFFFFFF'])(
  'reads and writes %s',
  (text) => {
    expect(formatLsn(parseLsn(text))).toBe(text);
  },
);

test('takes small letters, and refuses what is no position', () => {
  expect(parseLsn('a/ff')).toBe(0xa_0000_00ffn);
  for (const text of ['', '0', '0/', '/0', '0/100000000', '0x0/1', 'G/1', '0/1 ']) {
    expect(() => parseLsn(text)).toThrow('is no position');
  }
});

// Names as pg_walfile_name() of servers with such segments gave them.
test.each([
  ['0/1000000', 16 * MIB, 1, '000000010000000000000001'],
  ['0/FFFFFFFF', 16 * MIB, 1, '0000000100000000000000FF'],
  ['1/0', 16 * MIB, 3, '000000030000000100000000'],
  ['0/FFFFFFFF', MIB, 1, '000000010000000000000FFF'],
  ['1/0', MIB, 1, '000000010000000100000000'],
  ['0/C0000000', 1024 * MIB, 255, '000000FF0000000000000003'],
  ['2/40000000', 1024 * MIB, 1, '000000010000000200000001'],
  ['FFFFFFFF/FFFFFFFF', MIB, 1, '00000001FFFFFFFF00000FFF'],
])('%s with segments of %i bytes on timeline %i lies in %s', (lsn, bytes, timeline, name) => {
  const place = { timeline, number: segmentAt(parseLsn(lsn), bytes) };
  expect(segmentName(place, bytes)).toBe(name);
  expect(parseSegmentName(name, bytes)).toEqual(place);
});

test('names neighbours, over the end of four GiB', () => {
  expect(nextSegment('0000000100000000000000FF', 16 * MIB)).toBe('000000010000000100000000');
  expect(previousSegment('000000010000000100000000', 16 * MIB)).toBe('0000000100000000000000FF');
  expect(previousSegment('000000010000000100000000', MIB)).toBe('000000010000000000000FFF');
  expect(() => previousSegment('000000010000000000000000', MIB)).toThrow('no neighbour');
});

test('knows what is no segment of that size', () => {
  expect(parseSegmentName('000000010000000000000100', 16 * MIB)).toBeUndefined();
  expect(parseSegmentName('000000010000000000000100', MIB)).toBeDefined();
  expect(parseSegmentName('000000000000000000000001', MIB)).toBeUndefined();
  expect(parseSegmentName('00000001000000000000000', MIB)).toBeUndefined();
  expect(parseSegmentName('00000001000000000000000a', MIB)).toBeUndefined();
});

test.each([
  ['000000010000000000000001', { is: 'segment', segment: '000000010000000000000001' }],
  ['000000010000000000000001.partial', { is: 'partial', segment: '000000010000000000000001' }],
  [
    '000000010000000000000001.00000028.backup',
    { is: 'backup', segment: '000000010000000000000001' },
  ],
  ['0000000A.history', { is: 'history', timeline: 10 }],
  ['../000000010000000000000001', undefined],
  ['000000010000000000000001.tmp', undefined],
])('takes %s apart', (name, expected) => {
  expect(parseWalFileName(name)).toEqual(expected);
});

// What a server that was promoted twice left in pg_wal.
const HISTORY = '1\t0/5000000\tno recovery target specified\n\n2\t0/6000148\tbefore 2026-11-20\n';

test("reads a timeline's history", () => {
  const history = parseTimelineHistory(`# comment\n${HISTORY}`, 3, 'x');
  expect(history).toEqual([
    { timeline: 1, switchLsn: 0x500_0000n, reason: 'no recovery target specified' },
    { timeline: 2, switchLsn: 0x600_0148n, reason: 'before 2026-11-20' },
  ]);
  expect(pathTo(3, history).map(({ timeline, until }) => [timeline, until])).toEqual([
    [1, 0x500_0000n],
    [2, 0x600_0148n],
    [3, undefined],
  ]);
});

test.each([
  ['', 3, 'no ancestor'],
  ['1\t0/5000000\n', 1, 'timeline 1 as ancestor'],
  ['2\t0/5000000\n1\t0/6000000\n', 3, 'timeline 1 as ancestor'],
  ['1\t0/5000000\n2\t0/4000000\n', 3, 'a switch at 0/4000000 after a later one'],
  ['1 x/5000000\n', 3, 'the line "1 x/5000000"'],
])('refuses the history %j of timeline %i', (text, timeline, found) => {
  expect(() => parseTimelineHistory(text, timeline, 'where')).toThrow(
    `where is no timeline's history: it has ${found}`,
  );
});

test('pieces count from 0 on, as far as they hang together', () => {
  expect(reachOf([])).toBe(0);
  expect(reachOf([{ from: 1, to: 9 }])).toBe(0);
  const pieces = [
    { from: 5, to: 8 },
    { from: 0, to: 5 },
    { from: 2, to: 6 },
    { from: 9, to: 12 },
  ];
  expect(reachOf(pieces)).toBe(8);
});

test('joins segments and beginnings of segments to ranges, and names what is between', () => {
  const open = new Map([
    [3, MIB],
    [6, 100],
    [8, 0],
  ]);
  const ranges = rangesOf([5, 1, 2], open, MIB);
  expect(ranges).toEqual([
    { from: 0x10_0000n, to: 0x40_0000n },
    { from: 0x50_0000n, to: 0x60_0064n },
  ]);
  expect(gapsOf({ timeline: 2, ranges }, MIB)).toEqual([
    {
      ...{ timeline: 2, from: 0x40_0000n, to: 0x50_0000n, segments: 1 },
      ...{ first: '000000020000000000000004', last: '000000020000000000000004' },
    },
  ]);
  // An incomplete segment is missing too.
  const broken = rangesOf([1, 4], new Map([[2, 7]]), MIB);
  expect(gapsOf({ timeline: 1, ranges: broken }, MIB)).toEqual([
    {
      ...{ timeline: 1, from: 0x20_0007n, to: 0x40_0000n, segments: 2 },
      ...{ first: '000000010000000000000002', last: '000000010000000000000003' },
    },
  ]);
  expect(joined([...ranges, { from: 0x20_0000n, to: 0x50_0000n }])).toHaveLength(1);
});

test('says how far WAL reaches from a position', () => {
  const ranges = [
    { from: 10n, to: 20n },
    { from: 30n, to: 40n },
  ];
  expect([9n, 10n, 19n, 20n, 35n].map((at) => reachFrom(ranges, at))).toEqual([
    9n,
    20n,
    20n,
    20n,
    40n,
  ]);
});
