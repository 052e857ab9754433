import { expect, test } from 'vitest';
import {
  type DumpToc,
  SECTION,
  type TocEntry,
} from '../../../containers/runner/restore/dump-toc.ts';
import { planLoad } from '../../../containers/runner/restore/load-plan.ts';

function entry(
  dumpId: number,
  desc: string,
  section: keyof typeof SECTION | 'none',
  dependencies: readonly number[] = [],
): TocEntry {
  const empty = { tag: '', definition: '', namespace: '', tablespace: '', owner: '', file: '' };
  const number = section === 'none' ? 1 : SECTION[section];
  return { ...empty, dumpId, desc, section: number, dependencies, bytes: Buffer.alloc(0) };
}

const toc: DumpToc = {
  database: 'shop',
  serverVersion: '17.11',
  head: { bytes: Buffer.alloc(0), version: [1, 16], integerBytes: 4, offsetBytes: 8, formatAt: 0 },
  entries: [
    entry(1, 'SCHEMA', 'preData'),
    entry(2, 'FUNCTION', 'preData'),
    entry(10, 'TABLE', 'preData', [1]),
    entry(11, 'TABLE', 'preData', [1]),
    entry(12, 'TABLE', 'preData', [1]),
    entry(20, 'TABLE DATA', 'data', [10]),
    entry(21, 'TABLE DATA', 'data', [11]),
    entry(22, 'TABLE DATA', 'data', [12]),
    entry(23, 'SEQUENCE SET', 'data', [10]),
    entry(30, 'CONSTRAINT', 'postData', [10]),
    entry(31, 'CONSTRAINT', 'postData', [10, 10]),
    entry(32, 'INDEX', 'postData', [10, 2]),
    entry(33, 'INDEX', 'postData', [10]),
    entry(34, 'INDEX', 'postData', [10, 40]),
    entry(35, 'CONSTRAINT', 'postData', [12]),
    entry(36, 'FK CONSTRAINT', 'postData', [10, 11, 30]),
    entry(37, 'TRIGGER', 'postData', [10]),
    entry(40, 'MATERIALIZED VIEW DATA', 'postData', [20]),
    entry(50, 'ACL', 'none', [10]),
    entry(51, 'COMMENT', 'none', [10]),
  ],
};
const streams = [
  { dumpId: 21, bytes: 100 },
  { dumpId: 20, bytes: 300 },
];

test("big tables come after small ones' data, biggest first, each with its keys and then its indexes", () => {
  const plan = planLoad(toc, undefined, streams);
  expect(plan.first).toEqual([1, 2, 10, 11, 12, 22, 23]);
  expect(plan.streams.map(({ dumpId }) => dumpId)).toEqual([20, 21]);
  expect(plan.after).toEqual(
    new Map([
      [21, []],
      [20, [[[30, 31]], [[32], [33]]]],
    ]),
  );
  // Also an index that needs more than its table, and keys of tables that were not streamed.
  expect(plan.last).toEqual([34, 35, 36, 37, 40, 50, 51]);
});

test('an index that needs two big tables waits for both, and is built once', () => {
  const both = entry(38, 'INDEX', 'postData', [10, 11]);
  const plan = planLoad({ ...toc, entries: [...toc.entries, both] }, undefined, streams);
  expect([...plan.after.values()].flat(3)).not.toContain(38);
  expect(plan.last).toContain(38);
});

test('each wanted entry is restored once, and no other', () => {
  const wanted = [10, 11, 20, 22, 30, 33, 36, 51];
  const plan = planLoad(toc, wanted, streams);
  const all = [
    ...plan.first,
    ...plan.streams.map(({ dumpId }) => dumpId),
    ...[...plan.after.values()].flat(3),
    ...plan.last,
  ];
  expect(all.sort((one, other) => one - other)).toEqual(wanted);
});

test('without a wanted stream there is nothing to wait for', () => {
  const plan = planLoad(toc, [10, 30], streams);
  expect(plan).toMatchObject({ first: [10], streams: [], last: [30] });
  expect(plan.after.size).toBe(0);
});

test('indexes that alter their table are built one after the other, where it has several', () => {
  const altering = (dumpId: number, table: number, statement: string): TocEntry => ({
    ...entry(dumpId, 'INDEX', 'postData', [table]),
    definition: `CREATE INDEX i${dumpId} ON t (a);\nALTER TABLE t ${statement} i${dumpId};\n`,
  });
  const more: DumpToc = {
    ...toc,
    entries: [
      ...toc.entries,
      altering(60, 10, 'CLUSTER ON'),
      altering(61, 10, 'REPLICA IDENTITY USING INDEX'),
      altering(62, 11, 'CLUSTER ON'),
      altering(63, 12, 'CLUSTER ON'),
      altering(64, 12, 'REPLICA IDENTITY USING INDEX'),
    ],
  };
  const plan = planLoad(more, undefined, streams);
  expect(plan.alone).toEqual([60, 61, 63, 64]);
  expect(plan.after.get(21)).toEqual([[[62]]]);
  expect(plan.last).toEqual(planLoad(toc, undefined, streams).last);
  expect(planLoad(toc, undefined, streams).alone).toEqual([]);
});
