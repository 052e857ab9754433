import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLog } from '../../../containers/runner/log.ts';
import { watch } from '../../../containers/runner/watchdog.ts';
import type { HoldfastError } from '../../../contract/errors.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function start(parts: () => number, waited = () => 0) {
  const aborted: HoldfastError[] = [];
  const lines: string[] = [];
  const stop = watch({
    maxDurationMinutes: 10,
    stallMinutes: 2,
    parts,
    waited,
    log: createLog((line) => lines.push(line)),
    abort: (reason) => aborted.push(reason),
  });
  return { aborted, lines, stop };
}

test('a run that moves is left alone, and its progress is logged', () => {
  let parts = 0;
  const { aborted, lines, stop } = start(() => parts++);
  vi.advanceTimersByTime(9 * 60_000);
  expect(aborted).toEqual([]);
  expect(lines.length).toBeGreaterThanOrEqual(17);
  stop();
});

test('a run that waits for its source is left alone', () => {
  let waited = 0;
  const { aborted, stop } = start(
    () => 7,
    () => waited++,
  );
  vi.advanceTimersByTime(9 * 60_000);
  expect(aborted).toEqual([]);
  stop();
});

test('a run that stands still is ended', () => {
  const { aborted, stop } = start(() => 7);
  vi.advanceTimersByTime(2 * 60_000);
  expect(aborted).toEqual([]);
  vi.advanceTimersByTime(2_000);
  expect(aborted[0]).toMatchObject({ code: 'STALLED', retryable: true });
  stop();
});

test('a run that takes too long is ended, though it moves', () => {
  let parts = 0;
  const { aborted, stop } = start(() => parts++);
  vi.advanceTimersByTime(10 * 60_000 + 2_000);
  expect(aborted[0]).toMatchObject({ code: 'DEADLINE_EXCEEDED', retryable: false });
  stop();
});
