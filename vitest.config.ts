import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Two cores: servers and containers share them with the tests.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 180_000,
    // A test that asserts nothing cannot fail.
    expect: { requireAssertions: true },
    restoreMocks: true,
    unstubEnvs: true,
  },
});
