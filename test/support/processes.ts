// Where processes under test are started from: bundles that built-processes.ts has made for this run of vitest, else (benches,
// SLUICE_TEST_SOURCES=1) the sources.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Processes start in half the CPU time when Node remembers what it has made of their code. */
export const COMPILE_CACHE = join(ROOT, 'node_modules/.cache/compile');

/** `src/main.ts`, `workers/inference.ts` … */
export function processPath(entry: string): string {
  const build = process.env.SLUICE_TEST_BUILD;
  return build === undefined ? join(ROOT, entry) : join(build, bundleName(entry));
}

export function bundleName(entry: string): string {
  return `${entry.replace(/\.ts$/, '').replaceAll('/', '-')}.mjs`;
}
