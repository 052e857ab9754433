import { expect, test } from 'vitest';
import { compressArgument } from '../../../containers/runner/logical/compress-argument.ts';

test.each([
  // pg_dump 15 refuses "gzip:1" and "none".
  ['gzip:1', '--compress=1'],
  ['gzip:9', '--compress=9'],
  ['gzip', '--compress=6'],
  ['none', '--compress=0'],
  ['zstd:1', '--compress=zstd:1'],
  ['zstd', '--compress=zstd'],
  ['lz4:3', '--compress=lz4:3'],
])('%s is %s', (compression, argument) => {
  expect(compressArgument(compression)).toBe(argument);
});
