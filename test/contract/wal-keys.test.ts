import { describe, expect, test } from 'vitest';
import {
  parseWalKey,
  walFileKey,
  walIncrementKey,
  walIncrementsPrefix,
  walTimelinePrefix,
} from '../../contract/wal-keys.ts';

const SEGMENT = '0000000A0000000100000023';

describe('keys of WAL', () => {
  test('lie where the format says', () => {
    expect(walFileKey('orders', SEGMENT)).toBe(`clusters/orders/wal/0000000A/${SEGMENT}`);
    expect(walFileKey('orders', '0000000A.history')).toBe(
      'clusters/orders/wal/0000000A/0000000A.history',
    );
    expect(walIncrementKey('orders', SEGMENT, 0, 0xffffff)).toBe(
      `clusters/orders/wal/0000000A/increments/${SEGMENT}/00000000-00FFFFFF`,
    );
    expect(walFileKey('orders', SEGMENT).startsWith(walTimelinePrefix('orders', 10))).toBe(true);
    expect(walIncrementsPrefix('orders', 10)).toBe('clusters/orders/wal/0000000A/increments/');
  });

  test('are taken apart as they were built', () => {
    const at = { cluster: 'orders', timeline: 10 };
    const parse = (file: string) => parseWalKey(walFileKey('orders', file));
    expect(parse(SEGMENT)).toEqual({ ...at, is: 'segment', segment: SEGMENT });
    expect(parse(`${SEGMENT}.partial`)).toEqual({ ...at, is: 'partial', segment: SEGMENT });
    expect(parse('0000000A.history')).toEqual({ ...at, is: 'history' });
    expect(parseWalKey(walIncrementKey('orders', SEGMENT, 8192, 16_777_216))).toEqual({
      ...at,
      is: 'increment',
      segment: SEGMENT,
      from: 8192,
      to: 16_777_216,
    });
  });

  test.each([
    'clusters/orders/wal/0000000B/0000000A0000000100000023',
    'clusters/orders/wal/0000000A/0000000A00000001000023',
    'clusters/orders/wal/0000000A/0000000A0000000100000023.done',
    'clusters/orders/wal/0000000A/0000000B.history',
    'clusters/orders/catalog/20261120T030000Z-logical-full-7f3a9c.json',
  ])('%s is none', (key) => {
    expect(parseWalKey(key)).toBeUndefined();
  });
});
