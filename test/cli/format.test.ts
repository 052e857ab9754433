import { expect, test } from 'vitest';
import { formatBytes, formatSeconds } from '../../cli/format.ts';

test('writes sizes and times for people', () => {
  expect([0, 1023, 1024, 1536, 150 * 1024, 1024 ** 4].map(formatBytes)).toEqual([
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '150 KiB',
    '1.0 TiB',
  ]);
  expect([0.84, 12, 60, 312, 3600, 273_600].map(formatSeconds)).toEqual([
    '0.8 s',
    '12 s',
    '1 min',
    '5 min 12 s',
    '1 h',
    '3 d 4 h',
  ]);
});
