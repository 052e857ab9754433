import { expect, test } from 'vitest';
import { settleWithin } from '../../../containers/runner/settle-within.ts';

const REASON = new Error('told to stop');
const never = new Promise<never>(() => undefined);

test('ends as the work does, aborted or not', async () => {
  const abort = new AbortController();
  expect(await settleWithin(Promise.resolve('done'), abort.signal, 0)).toBe('done');
  const work = Promise.withResolvers<string>();
  const settled = settleWithin(work.promise, abort.signal, 60_000);
  abort.abort(REASON);
  work.resolve('done all the same');
  expect(await settled).toBe('done all the same');
  const failing = Promise.reject(new Error('its own'));
  await expect(settleWithin(failing, abort.signal, 60_000)).rejects.toThrow('its own');
});

test('gives up on work that hangs, once it was told to stop and not before', async () => {
  const abort = new AbortController();
  const settled = settleWithin(never, abort.signal, 5);
  const early = await Promise.race([settled, new Promise((resolve) => setTimeout(resolve, 50))]);
  expect(early).toBeUndefined();
  abort.abort(REASON);
  await expect(settled).rejects.toBe(REASON);
  await expect(settleWithin(never, abort.signal, 5)).rejects.toBe(REASON);
});
