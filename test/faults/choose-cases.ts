import type { FaultCloud } from './fault-cloud.ts';

/** One thing that goes wrong, and what has to come of it. */
export interface FaultCase {
  readonly name: string;
  /** Whether it belongs to every `npm test`. */
  readonly always?: true;
  run(faults: FaultCloud): Promise<void>;
}

/**
 * Which cases are run: all where `HOLDFAST_FAULTS` is `all`, as `npm run faults` has it; else those
 * that always are, and a few more, drawn by `HOLDFAST_FAULTS_SEED`: the same for the same seed.
 */
export function chooseCases(
  cases: readonly FaultCase[],
  more: number,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): FaultCase[] {
  if (environment.HOLDFAST_FAULTS === 'all') return [...cases];
  const random = randomFrom(Number(environment.HOLDFAST_FAULTS_SEED ?? 1));
  const drawn = new Set(
    cases
      .filter(({ always }) => always !== true)
      .map((one) => ({ one, at: random() }))
      .sort((a, b) => a.at - b.at)
      .slice(0, more)
      .map(({ one }) => one),
  );
  return cases.filter((one) => one.always === true || drawn.has(one));
}

/** Mulberry32: numbers from 0 to 1 that depend on the seed alone. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
