// A test that passed only at its second try is named at the end of a run, and fails it where there are more than a few: what
// fails now and then is a fault of the test or of the product, and found as one.
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** A machine that stalls for seconds may cost so many tests their first try. */
const MOST_RETRIED = 2;

export default class RetryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const retried = modules.flatMap((module) => [...module.children.allTests()].filter(passedLate));
    if (retried.length === 0) return;
    console.log(`${retried.length} passed at a second try only (at most ${MOST_RETRIED} may):`);
    for (const test of retried) console.log(`  ${test.module.relativeModuleId} > ${test.fullName}`);
    if (retried.length > MOST_RETRIED) process.exitCode = 1;
  }
}

function passedLate(test: TestCase): boolean {
  return test.result().state === 'passed' && (test.diagnostic()?.retryCount ?? 0) > 0;
}
