#!/usr/bin/env node
// Builds the contents of the npm package: dist/ with JavaScript, source maps and types, the Lua scripts beside them, the console,
// and its own package.json, which maps `#src/…` and `#workers/…` to the built files. Not needed in a checkout: bin/sluice.mjs
// runs the TypeScript if it exists. `npm pack` calls this (prepack).
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildConsole } from './build-console.mjs';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const DIST = join(ROOT, 'dist');
const SOURCES = ['src', 'workers', 'simulator'].filter((folder) => existsSync(join(ROOT, folder)));
/** Files that the code reads at run time from its own folder. */
const ASSET = /\.(lua|json|html|txt)$/;

empty();
compile();
for (const folder of SOURCES) copyAssets(folder);
writePackage();
buildConsole();

/** But for the console, which is built only if its sources have changed: a broker of this checkout may be starting with it. */
function empty() {
  mkdirSync(DIST, { recursive: true });
  for (const name of readdirSync(DIST).filter((entry) => entry !== 'console')) {
    rmSync(join(DIST, name), { recursive: true, force: true });
  }
}

/** `#…` imports are not rewritten (tsc reports TS2877): dist/package.json resolves them. */
function compile() {
  const node = join(ROOT, 'node_modules/.bin/node');
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const runner = existsSync(node) ? node : process.execPath;
  const options = { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 };
  const { stdout, stderr, status } = spawnSync(
    runner,
    [tsc, '-p', 'tsconfig.build.json', '--singleThreaded', '--pretty', 'false'],
    options,
  );
  const lines = `${stdout}${stderr}`.split('\n').filter((line) => line !== '');
  const faults = lines.filter((line) => !line.includes('error TS2877'));
  if (faults.length === 0 && (status === 0 || lines.length > 0)) return;
  console.error(faults.join('\n'));
  process.exit(1);
}

function copyAssets(folder) {
  for (const entry of readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })) {
    const from = join(entry.parentPath ?? entry.path, entry.name);
    const path = from.slice(ROOT.length);
    if (!entry.isFile() || !ASSET.test(entry.name) || /(^|\/)(test|node_modules)\//.test(path)) continue;
    mkdirSync(dirname(join(DIST, path)), { recursive: true });
    cpSync(from, join(DIST, path));
  }
}

/** Node resolves `#…` imports by the nearest package.json; the sources import files as `.ts`. */
function writePackage() {
  const { name, version, type, imports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const built = Object.entries(imports)
    .filter(([pattern]) => pattern !== '#test/*')
    .map(([pattern, target]) => [`${pattern}.ts`, { types: `${target}.d.ts`, default: `${target}.js` }]);
  const content = { name, version, private: true, type, imports: Object.fromEntries(built) };
  writeFileSync(join(DIST, 'package.json'), `${JSON.stringify(content, null, 2)}\n`);
}
