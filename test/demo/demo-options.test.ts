import { expect, test } from 'vitest';
import { demoOptions } from './demo-options.ts';

test('the demo keeps its cloud only where that is asked for', () => {
  expect(demoOptions([])).toEqual({ keep: false });
  expect(demoOptions(['--keep'])).toEqual({ keep: true });
});

test.each([['--keepp'], ['keep'], ['--keep=yes']])(
  'what the demo does not know is told with what it does: %s',
  (...args) => {
    const help = /\n\nnpm run demo \[-- --keep\]\n/;
    expect(demoOptions(args)).toEqual({ wrong: expect.stringMatching(help) });
    expect(demoOptions(['--help'])).toEqual({ help: expect.stringContaining('--keep  leave') });
  },
);
