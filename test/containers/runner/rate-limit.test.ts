import { expect, test } from 'vitest';
import { RateLimit } from '../../../containers/runner/engine/rate-limit.ts';

/** A limit of 1,000 bytes a second, on a clock that is set by hand. */
function limited(): { rate: RateLimit; pass(ms: number): void } {
  let now = 0;
  return {
    rate: new RateLimit(1_000, () => now),
    pass: (ms) => {
      now += ms;
    },
  };
}

test('what stays below the rate never waits', () => {
  const { rate, pass } = limited();
  for (let times = 0; times < 10; times += 1) {
    expect(rate.count(200)).toBe(0);
    pass(200);
  }
});

test('what comes too fast waits for exactly as long as the rate needs', () => {
  const { rate, pass } = limited();
  // A quarter of a second may come at once.
  expect(rate.count(250)).toBe(0);
  expect(rate.count(1_000)).toBe(1_000);
  pass(400);
  expect(rate.count(0)).toBe(600);
  pass(600);
  expect(rate.count(0)).toBe(0);
});

test('a rest earns no more than the quarter of a second', () => {
  const { rate, pass } = limited();
  pass(60_000);
  expect(rate.count(250)).toBe(0);
  expect(rate.count(1)).toBe(1);
});
