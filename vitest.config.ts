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

/** Tests that start a whole local cloud: after all others, whose clocks they would disturb. */
const WITH_A_CLOUD = [
  'test/bench/**/*.test.ts',
  'test/e2e/**/*.test.ts',
  'test/faults/**/*.test.ts',
  'test/local-cloud/**/*.test.ts',
];

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
          exclude: WITH_A_CLOUD,
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
    ],
  },
});
