// Where processes under test are started from: bundles that built-processes.ts has made for this run of vitest, else (benches,
// SLUICE_TEST_SOURCES=1) the sources.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Processes start in half the CPU time if Node caches their compiled code. */
export const COMPILE_CACHE = join(ROOT, 'node_modules/.cache/compile');

/** What a process under test gets of the surroundings. */
export function processEnvironment(): Record<string, string | undefined> {
  const { PATH, NODE_V8_COVERAGE } = process.env;
  return { PATH, NODE_COMPILE_CACHE: COMPILE_CACHE, ...(NODE_V8_COVERAGE === undefined ? {} : { NODE_V8_COVERAGE }) };
}

/** Signal that ends a process at the end of a test: only a process that exits by itself writes its coverage. */
export function lastSignal(): NodeJS.Signals {
  return process.env.NODE_V8_COVERAGE === undefined ? 'SIGKILL' : 'SIGTERM';
}

/** `src/main.ts`, `workers/inference.ts` … */
export function processPath(entry: string): string {
  const build = process.env.SLUICE_TEST_BUILD;
  return build === undefined ? join(ROOT, entry) : join(build, bundleName(entry));
}

export function bundleName(entry: string): string {
  return `${entry.replace(/\.ts$/, '').replaceAll('/', '-')}.cjs`;
}
