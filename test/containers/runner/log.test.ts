import { expect, test } from 'vitest';
import { createLog } from '../../../containers/runner/log.ts';

test('what was hidden is never printed, however it is written', () => {
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line));
  const password = 'p@ss"w/örd';
  log.hide(password);
  log.error('failed', {
    message: `password ${password} or ${encodeURIComponent(password)} refused`,
  });
  expect(lines.join('')).not.toContain('p@ss');
  expect(lines.join('')).not.toContain('p%40ss');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 'error',
    message: 'password **redacted** or **redacted** refused',
  });
});
