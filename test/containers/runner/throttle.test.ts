import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Throttle, type Writers } from '../../../containers/runner/engine/throttle.ts';
import { groupMembers, signalGroup } from '../../../containers/runner/process/process-group.ts';
import { waitUntil } from '../../local-cloud/servers/wait-until.ts';

const MIB = 1024 * 1024;

let group: number;

beforeEach(async () => {
  const leader = spawn('sh', ['-c', 'sleep 600 & wait'], { detached: true, stdio: 'ignore' });
  group = leader.pid ?? 0;
  await waitUntil(async () => groupMembers(group).length === 2, {
    what: 'the group to have a leader and a worker',
    timeoutMs: 120_000,
  });
});
afterEach(() => {
  signalGroup(group, 'SIGKILL');
});

/** Of the leader, then of its worker: `T` is stopped. */
function states(): string[] {
  return groupMembers(group)
    .toSorted((a, b) => Number(b.pid === group) - Number(a.pid === group))
    .map(({ pid }) => readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '')[0] ?? '');
}

async function comesTo(expected: readonly string[]): Promise<void> {
  await waitUntil(async () => states().join() === expected.join(), {
    what: `the states ${expected.join()}`,
    timeoutMs: 120_000,
  });
  expect(states()).toEqual(expected);
}

test.each<[Writers, string[]]>([
  ['workers', ['S', 'T']],
  ['leader', ['T', 'S']],
])('a full spool stops the %s, and no other', async (writers, stopped) => {
  const throttle = new Throttle({ capBytes: 32 * MIB });
  throttle.watch(group, writers);
  throttle.update(8 * MIB - 1, 0);
  await comesTo(['S', 'S']);
  throttle.update(8 * MIB, 0);
  await comesTo(stopped);
  throttle.update(4 * MIB, 0);
  await comesTo(['S', 'S']);
});

test('of a large spool, a gibibyte that was uploaded lets the dump go on', async () => {
  const throttle = new Throttle({ capBytes: 200 * 1024 * MIB, maxPauseSeconds: 0 });
  throttle.watch(group);
  throttle.update(100 * 1024 * MIB, 0);
  await comesTo(['S', 'T']);
  throttle.update(99 * 1024 * MIB, 0);
  await comesTo(['S', 'S']);
  throttle.update(100 * 1024 * MIB, 0);
  await comesTo(['S', 'T']);
  expect(() => throttle.update(100 * 1024 * MIB - 1, 0)).toThrow('uploads do not keep up');
});

test('what no stop makes less stops nobody, and is part of what the spool held', async () => {
  const throttle = new Throttle({ capBytes: 32 * MIB });
  throttle.watch(group, 'leader');
  throttle.update(0, 0, 100 * MIB);
  await comesTo(['S', 'S']);
  expect(throttle.peakBytes).toBe(100 * MIB);
});
