// Which functions of the product a worker of vitest has run: kept in the folder SLUICE_TEST_FUNCTIONS for scripts/functions.mjs,
// again after each test file, because vitest kills its workers. V8 notes the first call of each function and nothing more, which
// costs next to nothing; blocks and lines (`npm run coverage`) cost the tests nearly as much again. For vitest (setupFiles).
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll } from 'vitest';
import { ROOT } from './processes.ts';

const PRODUCT = ['src/', 'workers/', 'simulator/src/'].map((folder) => pathToFileURL(join(ROOT, folder)).href);
/** From a coverage report: whole functions, without their blocks. */
const PARTS = { callCount: false, detailed: false };

/** By file, then by position: whether it has run. */
type Noted = Record<string, Record<string, 0 | 1>>;

/** One for all files of a worker, which share its modules but run this one for each. */
const worker = globalThis as { sluiceFunctions?: { session: Session; noted: Noted } };

const folder = process.env.SLUICE_TEST_FUNCTIONS;
if (folder !== undefined) {
  worker.sluiceFunctions ??= { session: startNoting(), noted: {} };
  const { session, noted } = worker.sluiceFunctions;
  afterAll(() => {
    session.post('Profiler.takePreciseCoverage', (error, taken) => {
      if (error === null) for (const script of taken.result) note(noted, script);
    });
    writeFileSync(join(folder, `${process.pid}.json`), JSON.stringify(noted));
  });
}

function startNoting(): Session {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', PARTS);
  return session;
}

type Script = { url: string; functions: { ranges: { startOffset: number; endOffset: number; count: number }[] }[] };

function note(noted: Noted, { url, functions }: Script): void {
  if (!PRODUCT.some((folder) => url.startsWith(folder))) return;
  noted[url] ??= {};
  const places = noted[url];
  // The first is the file itself.
  for (const { ranges } of functions.slice(1)) {
    const { startOffset, endOffset, count } = ranges[0]!;
    const place = `${startOffset}-${endOffset}`;
    places[place] = count > 0 ? 1 : (places[place] ?? 0);
  }
}
