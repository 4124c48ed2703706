import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/order.ts';
import { COMPILE_CACHE } from './test/support/processes.ts';

/** Code alone, or with a server beside it. */
const QUICK = ['test/{unit,conformance,integration,fuzz}/**/*.test.ts', 'simulator/test/**/*.test.ts'];
/** Real processes. */
const BROKERS = ['test/{e2e,faults}/**/*.test.ts'];
/** Both projects share them. Tests with processes wait for much of their time, so that there are more than a small machine has cores. */
const MAX_WORKERS = 4;

const reporters: (string | [string, Record<string, unknown>])[] = ['default', './test/support/run-reporter.ts'];
if (process.env.CI) reporters.push(['json', { outputFile: '.ci/results.json' }]);

const setupFiles = ['./test/support/note-cpu-time.ts', './test/support/retried.ts'];
if (process.env.SLUICE_TEST_FUNCTIONS) setupFiles.push('./test/support/note-functions.ts');

// Inherited by vitest's workers, which load it and the providers' SDKs again and again.
process.env.NODE_COMPILE_CACHE ??= COMPILE_CACHE;

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    pool: 'forks',
    // Files share a process and what it has imported. No test may leave anything behind in the state of a module.
    isolate: false,
    // Node runs TypeScript as it stands, in tests as in the product.
    experimental: { viteModuleRunner: false },
    setupFiles,
    sequence: { sequencer: LongestFirst },
    reporters,
    // npm run coverage. What processes under test have run counts too: they run from their sources then.
    coverage: {
      provider: 'v8',
      autoAttachSubprocess: true,
      include: ['src/**/*.ts', 'workers/**/*.ts', 'simulator/src/**/*.ts'],
      reporter: ['text-summary', 'json-summary', 'html'],
    },
    maxWorkers: MAX_WORKERS,
    projects: [
      { extends: true, test: { name: 'quick', include: QUICK } },
      { extends: true, test: { name: 'brokers', include: BROKERS, globalSetup: './test/support/built-processes.ts' } },
    ],
  },
});
