// The order of test files: what takes longest first, so that nothing long is left over for one worker alone at the end. Vitest
// remembers how long files took, but a fresh clone has no such memory.
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** They wait for most of their time: for a minute's window, a lease that runs out, a provider that is down. */
const LONGEST = ['test/e2e/overload-rate.test.ts', 'test/e2e/limits.test.ts'];

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
