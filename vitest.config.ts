import { defineConfig } from 'vitest/config';

const shared = {
  // Generous: on a busy machine everything takes many times as long, and a hang is a hang anyway.
  testTimeout: 180_000,
  hookTimeout: 300_000,
  // A test that asserts nothing cannot fail.
  expect: { requireAssertions: true },
  restoreMocks: true,
  unstubEnvs: true,
};

/** Tests that start a whole local cloud: much of their time is waiting, so that two share the machine. */
const WITH_A_CLOUD = ['test/e2e/**/*.test.ts', 'test/local-cloud/**/*.test.ts'];

/** Samples of what is run by itself otherwise, and measures: alone on the machine. */
const ALONE = ['test/bench/**/*.test.ts', 'test/faults/**/*.test.ts'];

export default defineConfig({
  test: {
    // Two cores: servers and containers share them with the tests.
    maxWorkers: 2,
    projects: [
      {
        test: {
          ...shared,
          name: 'parts',
          include: ['test/**/*.test.ts'],
          exclude: [...WITH_A_CLOUD, ...ALONE],
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...shared,
          name: 'cloud',
          include: WITH_A_CLOUD,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...shared,
          name: 'alone',
          include: ALONE,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
