import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { labelFor, parseLabel } from '../../contract/label.ts';

const source = {
  cluster: 'orders',
  kind: 'logical',
  type: 'full',
  askedBy: 'nightly',
  time: '2026-11-20T03:00:00Z',
  attempt: 0,
} as const;

describe('labelFor', () => {
  test('looks as documented', () => {
    expect(labelFor(source)).toMatch(/^20261120T030000Z-logical-full-[0-9a-f]{6}$/);
  });

  test('is the same for a repeated invocation, however its time is written', () => {
    expect(labelFor({ ...source, time: '2026-11-20T03:00:00.000Z' })).toBe(labelFor(source));
    expect(labelFor({ ...source, time: '2026-11-20T04:00:00+01:00' })).toBe(labelFor(source));
  });

  test.each([
    ['cluster', { cluster: 'billing' }],
    ['schedule or request', { askedBy: 'hourly' }],
    ['attempt', { attempt: 1 }],
    ['time', { time: '2026-11-20T03:00:01Z' }],
  ])('differs by %s', (_, change) => {
    expect(labelFor({ ...source, ...change })).not.toBe(labelFor(source));
  });

  test('names that run into each other give different labels', () => {
    expect(labelFor({ ...source, cluster: 'a', askedBy: 'b-c' })).not.toBe(
      labelFor({ ...source, cluster: 'a-b', askedBy: 'c' }),
    );
  });

  test('sorts by time', () => {
    const check = fc.check(
      fc.property(
        fc.date({
          min: new Date('1970-01-01T00:00:00Z'),
          max: new Date('9999-01-01T00:00:00Z'),
          noInvalidDate: true,
        }),
        fc.date({
          min: new Date('1970-01-01T00:00:00Z'),
          max: new Date('9999-01-01T00:00:00Z'),
          noInvalidDate: true,
        }),
        (a, b) => {
          const [first, second] = [a, b].map((date) =>
            labelFor({ ...source, time: date.toISOString() }),
          );
          if (Math.floor(a.getTime() / 1000) < Math.floor(b.getTime() / 1000)) {
            return (first ?? '') < (second ?? '');
          }
          return true;
        },
      ),
    );
    expect(check.failed).toBe(false);
  });

  test('a time that is none is refused', () => {
    expect(() => labelFor({ ...source, time: 'tomorrow' })).toThrow(RangeError);
  });
});

describe('parseLabel', () => {
  test('takes apart what labelFor built', () => {
    expect(parseLabel(labelFor(source))).toMatchObject({
      time: '2026-11-20T03:00:00Z',
      kind: 'logical',
      type: 'full',
    });
  });

  test.each([
    '',
    'x',
    '20261120T030000Z-logical-full-7f3a9',
    '20261120T030000Z-other-full-7f3a9c',
    '../20261120T030000Z-logical-full-7f3a9c',
  ])('%j is none', (text) => {
    expect(parseLabel(text)).toBeUndefined();
  });
});
