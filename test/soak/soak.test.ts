import { expect, test } from 'vitest';
import { runSoak } from './run-soak.ts';

/** With it, the streamer is killed four times and the server twice. */
const SEED = 18;

/** What Fargate's smallest task would have to spare for it. */
const MOST_RESIDENT = 192 * 1024 * 1024;

test('whatever is killed, what was acknowledged is in the vault and comes back', async () => {
  const result = await runSoak({ kills: 6, seed: SEED });
  expect(result).toMatchObject({ lost: [], differing: [], ahead: [] });
  expect(result.acknowledgedCommits).toBeGreaterThan(5);
  expect(result.looks).toBeGreaterThan(2);
  // The last life is killed too.
  expect(result).toMatchObject({ streamerKills: 5, serverKills: 2 });
  expect(result.mostResident).toBeLessThanOrEqual(MOST_RESIDENT);
});
