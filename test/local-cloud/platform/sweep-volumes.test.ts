import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { startRun } from '../servers/run.ts';
import { createVolume, removeContainer, sweepVolumes, volumePath } from './container.ts';

test('volumes of runs that are over go, and those of one that lives stay between its containers', async () => {
  const [left, kept] = ['left', 'kept'].map(
    (name) => `holdfast-${name}-${randomBytes(4).toString('hex')}`,
  ) as [string, string];
  const run = await startRun();
  try {
    await createVolume(left, 'none');
    await createVolume(kept, run.id);
    await sweepVolumes();
    expect(await volumePath(left)).toBe('');
    expect(await volumePath(kept)).toMatch(/^\//);
  } finally {
    await removeContainer('none', [kept]);
    await run.stop();
  }
});
