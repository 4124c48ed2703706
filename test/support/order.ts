// The order of test files: first those with processes, the longest first, so that no long file is left for one worker at the
// end; short files fill the rest. Files of one project are together: a worker of vitest 5.1 only continues with files of its
// own project. Vitest remembers how long files took, but a fresh clone has no such memory.
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * By duration on a busy machine. The first files mostly wait: for a minute's window, an expiring lease, a provider that is
 * down. Files that compute most are in between, so that they do not all run at once.
 */
export const LONGEST = [
  'test/e2e/overload-rate.test.ts',
  'test/e2e/console-access.test.ts',
  'test/e2e/console-accessibility.test.ts',
  'test/e2e/console-requests.test.ts',
  'test/e2e/limits.test.ts',
  'test/e2e/package.test.ts',
  'test/faults/slow-client.test.ts',
  'test/faults/rolling-restart.test.ts',
  'test/e2e/sign-in.test.ts',
  'test/faults/native-batches-late.test.ts',
  'test/e2e/money.test.ts',
  'test/faults/worker-killer.test.ts',
  'test/e2e/sdk/failover.test.ts',
  'test/e2e/overload-concurrency.test.ts',
  'test/faults/batch-provider-down.test.ts',
  'test/e2e/native-batches.test.ts',
  'test/e2e/sdk/ai-sdk.test.ts',
  'test/e2e/combined.test.ts',
  'test/faults/failover.test.ts',
  'test/e2e/batch-command.test.ts',
  'test/e2e/batch-warnings.test.ts',
  'test/faults/ledger-writer-killed.test.ts',
  'test/e2e/sdk/foreign-history.test.ts',
  'test/e2e/memory.test.ts',
  'test/faults/chaos.test.ts',
  'test/faults/batch-redis-emptied.test.ts',
  'test/faults/provider-misbehaves.test.ts',
  'test/faults/dead-letters-kept-once.test.ts',
  'test/e2e/redis-cluster.test.ts',
  'test/e2e/batch-command-inputs.test.ts',
  'test/e2e/response-memory.test.ts',
  'test/faults/hand-off-lost.test.ts',
  'test/faults/books-refuse-a-row.test.ts',
  'test/e2e/sdk/anthropic.test.ts',
  'test/faults/sql-away.test.ts',
  'test/e2e/batch-deadlines.test.ts',
  'test/faults/redis-restarted.test.ts',
  'test/e2e/responses.test.ts',
  'test/faults/fleet-redis-fault.test.ts',
  'test/faults/redis-not-primary.test.ts',
  'test/faults/worker-killed.test.ts',
  'test/e2e/learned-limits.test.ts',
  'test/e2e/thousand-duplicates.test.ts',
  'test/faults/batches-killed.test.ts',
  'test/faults/mixed-faults.test.ts',
  'test/integration/limits/learned-limits-proof.test.ts',
  'test/unit/telemetry/tracing.test.ts',
  'test/integration/queue/consumer.test.ts',
  'test/integration/queue/bullmq-contract.test.ts',
  'test/integration/queue/hand-off.test.ts',
  'test/conformance/database.test.ts',
];

const PROJECTS = ['brokers', 'quick'];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const found = LONGEST.findIndex((path) => moduleId.endsWith(path));
      return found === -1 ? LONGEST.length : found;
    };
    const placeOf = ({ project }: TestSpecification) => PROJECTS.indexOf(project.name);
    return (await super.sort(files)).sort((a, b) => placeOf(a) - placeOf(b) || rank(a) - rank(b));
  }
}
