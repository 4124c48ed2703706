// The processes under test, bundled once for all runs of vitest with the same sources: a bundle starts in less than half the
// CPU time that Node needs to read 400 modules, and `npm test` starts several hundred processes. As CommonJS, because an ES
// module that imports `node:http` makes Node load its own copy of undici, which costs a tenth of a start. The published
// package is tested by test/e2e/package.test.ts. SLUICE_TEST_SOURCES=1 runs the sources instead.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import { bundleName, COMPILE_CACHE, ROOT } from './processes.ts';

const BUILDS = join(ROOT, 'node_modules/.cache/processes');
const ENTRIES = ['src/main.ts', 'src/cli.ts', 'workers/inference.ts', 'workers/combined.ts', 'workers/batches.ts'];
/** Optional packages, loaded when they are needed. */
const NOT_BUNDLED = ['@aws-sdk/client-s3', 'pg-native', 'msgpackr-extract', /^@opentelemetry\/(?!api$)/];
const DAY_MS = 24 * 3_600_000;

/** For vitest (globalSetup): its workers inherit the variable. */
export default async function buildProcesses(): Promise<void> {
  if (process.env.SLUICE_TEST_SOURCES) return;
  const build = join(BUILDS, fingerprint());
  if (!existsSync(build)) await bundle(build);
  process.env.SLUICE_TEST_BUILD = build;
}

/**
 * Hash of everything that goes into a bundle: bundles contain paths of their checkout, and node_modules may be copied to
 * another one.
 */
function fingerprint(): string {
  const hash = createHash('sha256').update(ROOT);
  const sources = globSync('{src,workers,simulator/src}/**/*.{ts,json}', { cwd: ROOT }).sort();
  for (const path of [...sources, 'package-lock.json', 'test/support/built-processes.ts']) {
    hash.update(path).update(readFileSync(join(ROOT, path)));
  }
  return hash.digest('hex').slice(0, 16);
}

/** Complete or not there: another run may do the same at the same time. */
async function bundle(directory: string): Promise<void> {
  mkdirSync(BUILDS, { recursive: true });
  const unfinished = mkdtempSync(`${directory}-`);
  const build = await rolldown({
    cwd: ROOT,
    input: Object.fromEntries(ENTRIES.map((entry) => [bundleName(entry).replace('.cjs', ''), entry])),
    platform: 'node',
    external: NOT_BUNDLED,
    plugins: [{ name: 'own address', transform: keepAddress }],
    onLog: () => undefined,
  });
  const names = '[name].cjs';
  await build.write({ dir: unfinished, format: 'cjs', keepNames: true, entryFileNames: names, chunkFileNames: names });
  try {
    renameSync(unfinished, directory);
  } catch {
    rmSync(unfinished, { recursive: true });
  }
  warmUp(directory);
  removeOld(directory);
}

/** Modules read scripts and data next to them. */
function keepAddress(code: string, id: string): { code: string; map: null } | null {
  if (!code.includes('import.meta.url') || id.includes('node_modules')) return null;
  return { code: code.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href)), map: null };
}

/** Tests kill their processes, and only a process that exits by itself writes its compile cache. */
function warmUp(directory: string): void {
  const env = {
    PATH: process.env.PATH,
    NODE_COMPILE_CACHE: COMPILE_CACHE,
    SLUICE_CONFIG: join(directory, 'none.yaml'),
  };
  for (const entry of ENTRIES) spawnSync(process.execPath, [join(directory, bundleName(entry)), '--help'], { env });
}

function removeOld(current: string): void {
  for (const name of readdirSync(BUILDS)) {
    const path = join(BUILDS, name);
    if (path !== current && Date.now() - statSync(path).mtimeMs > DAY_MS)
      rmSync(path, { recursive: true, force: true });
  }
}
