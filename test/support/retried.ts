// Tests that may pass at a second try, each with its reason: they compare forecast or shared times with real ones, which a
// machine that stalls for seconds distorts. All others have one try. The end of a run names retried tests (run-reporter.ts).
// For vitest (setupFiles).
import { beforeAll, type RunnerTestCase, type RunnerTestSuite } from 'vitest';

export interface RetriedTest {
  file: string;
  title: string;
  reason: string;
}

export const RETRIED: readonly RetriedTest[] = [
  {
    file: 'test/e2e/overload-rate.test.ts',
    title: 'admitted requests are answered in time; forecasts are right',
    reason: 'forecasts of starts a minute away, against the real ones',
  },
  {
    file: 'test/e2e/overload-concurrency.test.ts',
    title: 'admitted requests are answered in time; forecasts are right',
    reason: 'forecasts of starts seconds away, against the real ones',
  },
  {
    file: 'test/e2e/limits.test.ts',
    title: 'there is no 429, and at least 95 % of the limit is used',
    reason: 'a call that is granted and then not sent for seconds falls into another minute of the provider',
  },
  {
    file: 'test/e2e/batch-deadlines.test.ts',
    title: 'two keys of equal weight progress alike, a third of weight three faster',
    reason: 'shares of a stretch of time in which one process may stand still',
  },
];

// biome-ignore lint/correctness/noEmptyPattern: vitest reads from this pattern which fixtures a hook wants.
beforeAll(({}, file) => {
  const titles = RETRIED.filter((entry) => file.file.filepath.endsWith(entry.file)).map(({ title }) => title);
  for (const test of testsOf(file.file)) if (titles.includes(test.name)) test.retry = 1;
});

function testsOf(suite: RunnerTestSuite): RunnerTestCase[] {
  return suite.tasks.flatMap((task) => (task.type === 'suite' ? testsOf(task) : [task]));
}
