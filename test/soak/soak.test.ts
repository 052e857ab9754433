import { expect, test } from 'vitest';
import { runSoak } from './run-soak.ts';
import { parseSoakArguments } from './soak-arguments.ts';

/** With it, the streamer is killed four times and the server twice. */
const SEED = 18;

/** That it does not grow: what it takes is the benchmark's to measure, with nothing beside it. */
const MOST_RESIDENT = 256 * 1024 * 1024;

test('whatever is killed, what was acknowledged is in the vault and comes back', async () => {
  const result = await runSoak({ kills: 6, seed: SEED });
  expect(result).toMatchObject({ lost: [], differing: [], ahead: [] });
  expect(result.acknowledgedCommits).toBeGreaterThan(5);
  expect(result.looks).toBeGreaterThan(2);
  // The last life is killed too.
  expect(result).toMatchObject({ streamerKills: 5, serverKills: 2 });
  expect(result.mostResident).toBeLessThanOrEqual(MOST_RESIDENT);
});

test('what is no number begins nothing', () => {
  expect(parseSoakArguments(['60', '7'])).toEqual({ seconds: 60, seed: 7 });
  expect(parseSoakArguments([])).toEqual({ seconds: 600, seed: expect.any(Number) });
  expect(parseSoakArguments(['--help'])).toEqual({ help: true });
  for (const argv of [['1h'], ['-1'], [''], ['60', 'x'], ['60', '7', '7']]) {
    expect(parseSoakArguments(argv)).toEqual({
      refused: expect.stringContaining(argv.at(-1) ?? ''),
    });
  }
});
