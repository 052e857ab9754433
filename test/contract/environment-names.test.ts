import { expect, test } from 'vitest';
import { backupRoleName, pushRoleName, restoreRoleName } from '../../contract/environment-names.ts';

const LONGEST = ['e'.repeat(20), 'c'.repeat(40)] as const;

test('no two roles share a name, whatever their paths: IAM knows no two', () => {
  const names = [restoreRoleName('prod'), backupRoleName('prod', 'a'), pushRoleName('prod', 'a')];
  expect(new Set(names).size).toBe(names.length);
});

test.each([backupRoleName, pushRoleName])('%o fits into the 64 characters of IAM', (name) => {
  expect(name(...LONGEST).length).toBeLessThanOrEqual(64);
});
