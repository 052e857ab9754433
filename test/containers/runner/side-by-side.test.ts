import { expect, test } from 'vitest';
import { sideBySide } from '../../../containers/runner/logical/side-by-side.ts';

test('all of it is done', async () => {
  const done: number[] = [];
  const work = [1, 2].map((piece) => async () => void done.push(piece));
  await sideBySide(new AbortController().signal, work);
  expect(done).toEqual([1, 2]);
});

test('the first failure ends the others, which are waited for, and is what is thrown', async () => {
  const events: string[] = [];
  const first = new Error('the first');
  const work = sideBySide(new AbortController().signal, [
    async () => {
      throw first;
    },
    async (signal) => {
      if (!signal.aborted)
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await new Promise((resolve) => setImmediate(resolve));
      events.push('cleaned up');
      throw new Error('because of it');
    },
  ]);
  await expect(work).rejects.toBe(first);
  expect(events).toEqual(['cleaned up']);
});

test('whoever ends all of it ends each piece', async () => {
  const controller = new AbortController();
  const reason = new Error('told to stop');
  const work = sideBySide(controller.signal, [
    (signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  ]);
  controller.abort(reason);
  await expect(work).rejects.toBe(reason);
});
