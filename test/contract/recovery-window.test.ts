import { expect, test } from 'vitest';
import { type BaseOfWindow, recoveryWindow } from '../../contract/recovery-window.ts';
import type { PathStep, TimelineCoverage } from '../../contract/wal-coverage.ts';
import { formatLsn } from '../../contract/wal-segments.ts';

const MIB = 1024 * 1024;
const ONE: PathStep[] = [{ timeline: 1, until: undefined }];
/** Left in mid-segment. */
const TWO: PathStep[] = [
  { timeline: 1, until: 0x50_8000n },
  { timeline: 2, until: undefined },
];

function base(label: string, stop: string, change: Partial<BaseOfWindow> = {}): BaseOfWindow {
  const at = '2026-11-20T04:00:00Z';
  return {
    ...{ label, chain: [], wal: 'stream', damage: [], server: { dataChecksums: false } },
    start: { lsn: stop, timeline: 1, at },
    stop: { lsn: stop, timeline: 1, at },
    ...change,
  };
}

function covered(timeline: number, ...ranges: [from: bigint, to: bigint][]): TimelineCoverage {
  return { timeline, ranges: ranges.map(([from, to]) => ({ from, to })) };
}

function spansOf(...given: Parameters<typeof recoveryWindow>): string[] {
  return recoveryWindow(...given).spans.map(
    ({ from, to, bases }) =>
      `${formatLsn(from.lsn)} to ${formatLsn(to.lsn)} on ${to.timeline} by ${bases.join(' ')}`,
  );
}

test('reaches from the oldest base to the end of WAL, and names gaps', () => {
  const coverage = [covered(1, [0x20_0000n, 0x40_0000n], [0x60_0000n, 0x70_0100n])];
  const bases = [base('c', '0/680000'), base('b', '0/300000'), base('a', '0/210000')];
  const window = recoveryWindow(ONE, coverage, bases, MIB);
  expect(spansOf(ONE, coverage, bases, MIB)).toEqual([
    '0/210000 to 0/400000 on 1 by a b',
    '0/680000 to 0/700100 on 1 by c',
  ]);
  expect(window.gaps).toMatchObject([
    { first: '000000010000000000000004', last: '000000010000000000000005', segments: 2 },
  ]);
});

test('a base without WAL after it can be restored to its end and no further', () => {
  expect(spansOf(ONE, [], [base('a', '0/210000')], MIB)).toEqual([
    '0/210000 to 0/210000 on 1 by a',
  ]);
  const later = [covered(1, [0x40_0000n, 0x50_0000n])];
  const window = recoveryWindow(ONE, later, [base('a', '0/210000')], MIB);
  expect(window.spans[0]?.to.lsn).toBe(0x21_0000n);
  // Archiving began after it.
  expect(window.gaps).toEqual([]);
});

test('a base that ended within a gap counts from there', () => {
  const coverage = [covered(1, [0x20_0000n, 0x30_0000n], [0x60_0000n, 0x70_0000n])];
  const { gaps, spans } = recoveryWindow(ONE, coverage, [base('a', '0/480000')], MIB);
  expect(spans).toMatchObject([{ from: { lsn: 0x48_0000n }, to: { lsn: 0x48_0000n } }]);
  expect(gaps).toMatchObject([
    { from: 0x48_0000n, first: '000000010000000000000004', segments: 2 },
  ]);
});

test('without a base there is no window, whatever WAL there is', () => {
  const window = recoveryWindow(ONE, [covered(1, [0n, 1000n], [5000n, 6000n])], [], MIB);
  expect(window).toMatchObject({ spans: [], gaps: [], unusable: [] });
});

test('goes on along the newest timeline, whose first segment has what the one before had of it', () => {
  const left = covered(1, [0x20_0000n, 0x50_0000n], [0x51_0000n, 0x90_0000n]);
  const coverage = [left, covered(2, [0x50_0000n, 0x70_0000n])];
  expect(spansOf(TWO, coverage, [base('a', '0/300000')], MIB)).toEqual([
    '0/300000 to 0/700000 on 2 by a',
  ]);
  // Without that segment there is a gap from where the old timeline's WAL ends.
  const without = [left, covered(2, [0x60_0000n, 0x70_0000n])];
  expect(recoveryWindow(TWO, without, [base('a', '0/300000')], MIB).gaps).toMatchObject([
    { timeline: 2, first: '000000020000000000000005', last: '000000020000000000000005' },
  ]);
});

test('WAL that a timeline went on to write after it was left counts for nothing', () => {
  const coverage = [covered(1, [0x20_0000n, 0x90_0000n])];
  expect(spansOf(TWO, coverage, [base('a', '0/300000')], MIB)).toEqual([
    '0/300000 to 0/508000 on 1 by a',
  ]);
  const late = recoveryWindow(TWO, coverage, [base('b', '0/600000')], MIB);
  expect(late.spans).toEqual([]);
  expect(late.unusable[0]?.why).toContain('after the server had left that');
});

test.each([
  [
    'damaged',
    [base('a', '0/300000', { damage: [{ file: 'x', found: 'y' }] })],
    'pages are damaged',
  ],
  ['orphaned', [base('a', '0/300000', { chain: ['gone'] })], 'rests on gone, which is not'],
  [
    'without the WAL that it needs',
    [
      base('a', '0/300000', {
        wal: 'archive',
        start: { lsn: '0/1FFFFF', timeline: 1, at: '2026-11-20T04:00:00Z' },
      }),
    ],
    'is not in the archive',
  ],
  [
    'on another timeline',
    [base('a', '0/300000', { stop: { lsn: '0/300000', timeline: 7, at: 'x' } })],
    'taken on timeline 7',
  ],
] as const)('a base that is %s does not count', (_name, bases, why) => {
  const window = recoveryWindow(ONE, [covered(1, [0x20_0000n, 0x40_0000n])], bases, MIB);
  expect(window.spans).toEqual([]);
  expect(window.unusable).toEqual([{ label: 'a', why: expect.stringContaining(why) }]);
});

test('a child of a damaged parent does not count either', () => {
  const parent = base('a', '0/300000', { damage: [{ file: 'x', found: 'y' }] });
  const child = base('b', '0/310000', { chain: ['a'] });
  expect(recoveryWindow(ONE, [], [parent, child], MIB).unusable.map(({ why }) => why)).toEqual([
    'its pages are damaged',
    'it rests on a, which is damaged',
  ]);
});

test('nor does a child whose pages have checksums, of a parent whose pages have none', () => {
  const on = { server: { dataChecksums: true } };
  const unusable = (...bases: BaseOfWindow[]) => recoveryWindow(ONE, [], bases, MIB).unusable;
  expect(unusable(base('a', '0/300000'), base('b', '0/310000', { chain: ['a'], ...on }))).toEqual([
    { label: 'b', why: expect.stringContaining('those of a, which it rests on, have none') },
  ]);
  // Turned off, nobody looks at those that the parent's pages have.
  expect(unusable(base('a', '0/300000', on), base('b', '0/310000', { chain: ['a'] }))).toEqual([]);
});

test('nor does one whose parent holds what was given up with its timeline', () => {
  const parent = base('a', '0/510000');
  const child = base('b', '0/600000', {
    chain: ['a'],
    stop: { lsn: '0/600000', timeline: 2, at: '2026-11-20T05:00:00Z' },
  });
  const why = 'was taken on timeline 1 after the server had left that';
  expect(recoveryWindow(TWO, [], [parent, child], MIB).unusable).toEqual([
    { label: 'a', why: `it ${why}` },
    { label: 'b', why: `it rests on a, which ${why}` },
  ]);
  // Without the history nobody knows, and it may be as it should.
  const unknown = [{ timeline: 2, until: undefined }];
  expect(spansOf(unknown, [], [parent, child], MIB)).toEqual(['0/600000 to 0/600000 on 2 by b']);
});
