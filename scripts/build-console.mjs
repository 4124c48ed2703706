#!/usr/bin/env node
// Builds the console (console/) into dist/console with Vite, unless it is up to date. Each file also gets compressed copies
// beside it, so that the server need not compress. `--force` always builds.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const BUILT = join(ROOT, 'dist/console');
const MARK = join(BUILT, '.sources');
const COMPRESSED = /\.(html|js|css|svg)$/;

/** Returns true if it was built, false if it was up to date. Throws an Error with a readable message. */
export function buildConsole({ force = false, node = process.execPath } = {}) {
  const mark = markOfSources();
  if (!force && existsSync(MARK) && readFileSync(MARK, 'utf8') === mark) return false;
  const vite = join(ROOT, 'node_modules/vite/bin/vite.js');
  const args = [vite, 'build', '--config', 'console/vite.config.ts', '--logLevel', 'warn'];
  // Under a test runner NODE_ENV is `test`, with which Vite builds development code: a third larger, and with local paths.
  const env = { ...process.env, NODE_ENV: 'production' };
  const { status, stderr, stdout } = spawnSync(node, args, { cwd: ROOT, encoding: 'utf8', env });
  if (status !== 0) throw new Error(`the console could not be built:\n${stdout}${stderr}`);
  for (const path of filesIn(BUILT).filter((file) => COMPRESSED.test(file))) {
    const bytes = readFileSync(path);
    writeFileSync(`${path}.br`, brotliCompressSync(bytes));
    writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  }
  writeFileSync(MARK, mark);
  return true;
}

/** Hash of everything that the result depends on. */
function markOfSources() {
  const hash = createHash('sha256');
  for (const path of [...filesIn(join(ROOT, 'console')), join(ROOT, 'package-lock.json')]) {
    hash.update(path.slice(ROOT.length)).update('\0').update(readFileSync(path)).update('\0');
  }
  return hash.digest('hex');
}

function filesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const startedAtMs = performance.now();
  const wasBuilt = buildConsole({ force: process.argv.includes('--force') });
  const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1);
  console.error(wasBuilt ? `the console is built (${seconds} s)` : 'the console is up to date');
}
