import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { Child } from '../../../containers/runner/process/child.ts';
import { groupMembers } from '../../../containers/runner/process/process-group.ts';

function start(script: string, signal = new AbortController().signal): Promise<Child> {
  return Child.start({
    command: '/bin/bash',
    args: ['-c', script],
    environment: { PATH: process.env.PATH ?? '' },
    cwd: tmpdir(),
    signal,
  });
}

test('a leader that exits 0 while a worker goes on for ever has not succeeded', async () => {
  const child = await start('(while :; do sleep 0.1; done) & exit 0');
  expect(await child.exit).toEqual({ code: 0, signal: null });
  expect(await child.groupGone()).toEqual({ code: null, signal: 'SIGKILL' });
  expect(groupMembers(child.pid)).toEqual([]);
});

test('a leader that fails takes its workers with it at once', async () => {
  const child = await start('(while :; do sleep 0.1; done) & exit 3');
  expect(await child.groupGone()).toEqual({ code: 3, signal: null });
  expect(groupMembers(child.pid)).toEqual([]);
});

test('an abort ends a stopped group too', async () => {
  const abort = new AbortController();
  const child = await start('kill -STOP $$; sleep 600', abort.signal);
  abort.abort();
  expect((await child.groupGone()).code).not.toBe(0);
  expect(groupMembers(child.pid)).toEqual([]);
});
