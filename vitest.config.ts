import { defineConfig } from 'vitest/config';

/** What is measured in time, or starts more processes than the machine has cores: alone, one after the other, at the end. */
const ALONE = [
  'test/e2e/limits.test.ts',
  'test/e2e/memory.test.ts',
  'test/faults/batch-key-revoked.test.ts',
  'test/faults/lone-provider-down.test.ts',
  'test/faults/mixed-faults.test.ts',
  'test/faults/rolling-restart.test.ts',
  'test/faults/worker-frozen.test.ts',
];

const reporters: (string | [string, Record<string, unknown>])[] = ['default', './test/support/retry-reporter.ts'];
if (process.env.CI) reporters.push(['json', { outputFile: '.ci/results.json' }]);

export default defineConfig({
  test: {
    // Real processes and real Redis servers: two at a time is what two cores bear.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    pool: 'forks',
    // A machine that stalls for seconds must not fail a build. What needed it is named at the end, and more than a few fail it.
    retry: process.env.CI ? 1 : 0,
    reporters,
    projects: [
      {
        extends: true,
        test: { name: 'side by side', include: ['test/**/*.test.ts', 'simulator/test/**/*.test.ts'], exclude: ALONE },
      },
      {
        extends: true,
        test: { name: 'alone', include: ALONE, fileParallelism: false, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
