import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DurableRange } from '../../../../containers/runner/wal/durable-range.ts';

test('the end moves over what touches it, and over nothing else', () => {
  const range = new DurableRange(100n);
  range.add(120n, 130n);
  expect(range.end).toBe(100n);
  range.add(90n, 95n);
  expect(range.end).toBe(100n);
  range.add(90n, 120n);
  expect(range.end).toBe(130n);
  range.add(131n, 140n);
  expect(range.end).toBe(130n);
  range.add(130n, 131n);
  expect(range.end).toBe(140n);
});

test('whatever comes in whatever order, it is never beyond the first hole', () => {
  const piece = fc.tuple(fc.bigInt(0n, 60n), fc.bigInt(1n, 12n));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.bigInt(0n, 30n), (pieces, start) => {
      const range = new DurableRange(start);
      const there = new Set<bigint>();
      for (const [from, length] of pieces) {
        range.add(from, from + length);
        for (let at = from; at < from + length; at += 1n) there.add(at);
        let expected = start;
        while (there.has(expected)) expected += 1n;
        expect(range.end).toBe(expected);
      }
    }),
  );
});
