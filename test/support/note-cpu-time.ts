// Records the CPU time of each test file, including processes that it started, for the end of a run (run-reporter.ts). Linux
// only. For vitest (setupFiles).
import { existsSync, readFileSync } from 'node:fs';
import { afterAll } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Of the worker from the import of the file on, and of its child processes that have ended. */
    cpuMs?: number;
  }
}

const STAT = '/proc/self/stat';
/** Linux counts in hundredths of a second. */
const TICK_MS = 10;

if (existsSync(STAT)) {
  const begunMs = usedMs();
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads from this pattern which fixtures a hook wants.
  afterAll(({}, file) => {
    file.meta.cpuMs = usedMs() - begunMs;
  });
}

/** utime, stime, cutime and cstime: the 14th to the 17th field, and the second is a name in brackets. */
function usedMs(): number {
  const text = readFileSync(STAT, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * TICK_MS, 0);
}
