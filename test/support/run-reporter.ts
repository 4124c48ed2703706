// Adds to the end of a run, for vitest (reporters): tests that passed only at their second try, of which more than a few fail
// the run, because a test that sometimes fails shows a fault of the test or of the product; skipped tests, which are skipped
// only if the machine lacks something; and where the CPU time went.
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** A machine that stalls for seconds may cost so many tests their first try. */
const MOST_RETRIED = 2;
/** Number of listed files that used most CPU time. */
const NAMED_FILES = 8;

export default class RunReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const lines = [...describeCpuTime(modules), ...describeSkipped(tests), ...describeRetried(tests)];
    for (const line of lines) console.log(line);
    if (tests.filter(passedLate).length > MOST_RETRIED) process.exitCode = 1;
  }
}

/** A machine with two cores has 120 s of it per minute: a run takes at least half the sum. */
function describeCpuTime(modules: readonly TestModule[]): string[] {
  const used = modules.map((module) => ({ name: module.relativeModuleId, ms: module.meta().cpuMs ?? 0 }));
  const sumMs = used.reduce((sum, { ms }) => sum + ms, 0);
  if (sumMs === 0 || modules.length <= NAMED_FILES) return [];
  const most = used.sort((a, b) => b.ms - a.ms).slice(0, NAMED_FILES);
  return [
    `${inSeconds(sumMs)} of CPU time in the test files and the processes that they started; most in:`,
    ...most.map(({ name, ms }) => `  ${name}: ${inSeconds(ms)}`),
  ];
}

function inSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function describeSkipped(tests: readonly TestCase[]): string[] {
  const skipped = tests.filter(wasSkipped);
  if (skipped.length === 0) return [];
  const lines = new Map<string, number>();
  for (const test of skipped) {
    const line = `${test.module.relativeModuleId}: ${reasonOf(test)}`;
    lines.set(line, (lines.get(line) ?? 0) + 1);
  }
  return [
    `${skipped.length} skipped for want of what they need on this machine:`,
    ...[...lines].map(([line, count]) => `  ${line}${count === 1 ? '' : ` (${count} tests)`}`),
  ];
}

/** A run of chosen tests (`-t`) skips all others. */
function wasSkipped(test: TestCase): boolean {
  return test.result().state === 'skipped' && (test.project.vitest.config.testNamePattern ?? null) === null;
}

/** As given to `skip()`; else the outermost suite that was skipped, or the test itself. */
function reasonOf(test: TestCase): string {
  const result = test.result();
  if (result.state === 'skipped' && result.note !== undefined) return result.note;
  let named: { name: string; parent: TestCase['parent'] } = test;
  while (named.parent.type === 'suite' && named.parent.options.mode === 'skip') named = named.parent;
  return named.name;
}

function describeRetried(tests: readonly TestCase[]): string[] {
  const retried = tests.filter(passedLate);
  if (retried.length === 0) return [];
  return [
    `${retried.length} passed at a second try only (at most ${MOST_RETRIED} may):`,
    ...retried.map((test) => `  ${test.module.relativeModuleId} > ${test.fullName}`),
  ];
}

function passedLate(test: TestCase): boolean {
  return test.result().state === 'passed' && (test.diagnostic()?.retryCount ?? 0) > 0;
}
