import { expect, test } from 'vitest';
import { PATIENCE, ServerSilence } from '../../../../containers/runner/wal/server-silence.ts';

function upTo(silence: ServerSilence, seconds: number): string[] {
  return Array.from({ length: seconds }, () => silence.next());
}

test('a silent server is asked every ten seconds, and given up after a minute', () => {
  const silence = new ServerSilence(PATIENCE);
  const minute = upTo(silence, 60);
  const asked = minute.flatMap((next, index) => (next === 'ask' ? index + 1 : []));
  expect(asked).toEqual([10, 20, 30, 40, 50]);
  expect(minute.indexOf('give up')).toBe(59);
  expect(silence.next()).toBe('give up');
});

test('whatever comes from it begins the minute anew', () => {
  const silence = new ServerSilence(PATIENCE);
  upTo(silence, 59);
  silence.heard();
  expect(upTo(silence, 59)).not.toContain('give up');
  expect(silence.next()).toBe('give up');
});
