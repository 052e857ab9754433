import { expect, test } from 'vitest';
import { withoutCheckpoint } from '../../../containers/runner/physical/without-checkpoint.ts';

const MINUTE = 60_000;

function after(minutes: number, committed?: boolean): Promise<string> {
  return withoutCheckpoint({
    waitedMs: minutes * MINUTE,
    timeoutMs: 5 * MINUTE,
    committed: async () => committed ?? expect.fail('it was asked'),
  });
}

test('within its time a checkpoint is waited for, without asking', async () => {
  expect(await after(5.5)).toBe('wait');
});

test('where no transaction has ended since the parent was begun, nothing has changed', async () => {
  expect(await after(5.6, false)).toBe('unchanged');
  expect(await after(20, false)).toBe('unchanged');
});

test('where one has, a checkpoint may take its time twice; then all is taken', async () => {
  expect(await after(5.6, true)).toBe('wait');
  expect(await after(10.5, true)).toBe('wait');
  expect(await after(10.6, true)).toBe('full');
});
