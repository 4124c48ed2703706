// The order of test files: what takes longest first, so that nothing long is left over for one worker alone at the end. Vitest
// remembers how long files took, but a fresh clone has no such memory.
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** They wait for most of their time: for a minute's window, a lease that runs out, a provider that is down. */
export const LONGEST = [
  'test/e2e/overload-rate.test.ts',
  'test/e2e/limits.test.ts',
  'test/faults/native-batches-late.test.ts',
  'test/e2e/sdk/keep-alive.test.ts',
  'test/faults/batch-redis-emptied.test.ts',
  'test/faults/worker-killer.test.ts',
  'test/e2e/response-memory.test.ts',
  'test/faults/chaos.test.ts',
  'test/e2e/overload-concurrency.test.ts',
  'test/e2e/native-batches.test.ts',
  'test/faults/rolling-restart.test.ts',
  'test/faults/batches-killed.test.ts',
  'test/faults/batch-provider-down.test.ts',
  'test/e2e/package.test.ts',
  'test/faults/dead-letters-kept-once.test.ts',
  'test/faults/redis-restarted.test.ts',
  'test/faults/worker-killed.test.ts',
  'test/e2e/memory.test.ts',
  'test/e2e/batch-command.test.ts',
  'test/faults/mixed-faults.test.ts',
  'test/e2e/batch-deadlines.test.ts',
  'test/faults/redis-frozen.test.ts',
  'test/faults/hostile-requests.test.ts',
  'test/faults/redis-not-primary.test.ts',
  'test/faults/fleet-redis-fault.test.ts',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const found = LONGEST.findIndex((path) => moduleId.endsWith(path));
      return found === -1 ? LONGEST.length : found;
    };
    const groupOf = ({ project }: TestSpecification) => project.config.sequence.groupOrder;
    return (await super.sort(files)).sort((a, b) => groupOf(a) - groupOf(b) || rank(a) - rank(b));
  }
}
