import { expect, test } from 'vitest';
import { doWork, type Work } from '../../../containers/runner/restore/work-pool.ts';

/** Work that ends when it is told to. */
function piece(name: string, log: string[], more: readonly Work[] = []) {
  const { promise, resolve, reject } = Promise.withResolvers<readonly Work[]>();
  const work: Work = (signal) => {
    log.push(`begin ${name}`);
    signal.addEventListener('abort', () => log.push(`stop ${name}`));
    return promise;
  };
  return { work, end: () => resolve(more), fail: reject };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('does so many at a time, in their order, and then what became possible', async () => {
  const log: string[] = [];
  const later = piece('later', log);
  const [a, b, c] = [piece('a', log, [later.work]), piece('b', log), piece('c', log)];
  const done = doWork([a.work, b.work, c.work], 2, undefined);
  expect(log).toEqual(['begin a', 'begin b']);
  a.end();
  await settled();
  expect(log).toEqual(['begin a', 'begin b', 'begin c']);
  c.end();
  await settled();
  expect(log.at(-1)).toBe('begin later');
  b.end();
  later.end();
  await done;
});

test('the first failure stops the others, which are waited for, and begins nothing more', async () => {
  const log: string[] = [];
  const [a, b, c] = [piece('a', log), piece('b', log), piece('c', log)];
  const done = doWork([a.work, b.work, c.work], 2, undefined);
  let over = false;
  const seen = done.catch((error: unknown) => {
    over = true;
    return error;
  });
  a.fail(new Error('first'));
  await settled();
  expect(log).toEqual(['begin a', 'begin b', 'stop a', 'stop b']);
  expect(over).toBe(false);
  b.fail(new Error('second'));
  expect(await seen).toMatchObject({ message: 'first' });
  expect(log).not.toContain('begin c');
});

test('told to stop, it ends with the reason', async () => {
  const log: string[] = [];
  const stop = new AbortController();
  const a = piece('a', log);
  const done = doWork([a.work], 2, stop.signal);
  stop.abort(new Error('told to stop'));
  a.end();
  await expect(done).rejects.toThrow('told to stop');
});

test('nothing to do is done', async () => {
  await expect(doWork([], 2, undefined)).resolves.toBeUndefined();
});
