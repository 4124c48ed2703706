// Checks the licences of runtime dependencies: all must allow use and distribution without conditions on the software that uses
// them. Licences of development dependencies, which are not distributed, are only listed. `--lock FILE` reads another lock file.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ALLOWED = new Set([
  ...['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'CC0-1.0', 'ISC', 'MIT', 'Unlicense'],
]);

const { values } = parseArgs({
  options: { lock: { type: 'string', default: fileURLToPath(new URL('../package-lock.json', import.meta.url)) } },
});
const root = dirname(values.lock);
const { packages } = JSON.parse(readFileSync(values.lock, 'utf8'));
const installed = Object.entries(packages).filter(([path, { link }]) => path.includes('node_modules/') && !link);
const product = installed.filter(([, { dev }]) => !dev);

const refused = product.flatMap(([path, entry]) => {
  const licence = licenceOf(path, entry);
  return isAllowed(licence) ? [] : [`${nameOf(path)} ${entry.version}: ${licence ?? 'no licence is given'}`];
});
for (const line of refused) console.error(`not allowed: ${line}`);
print('installed', product);
print(
  'development',
  installed.filter(([, { dev }]) => dev),
);
process.exit(refused.length > 0 ? 1 : 0);

function nameOf(path) {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

/** For packages of other platforms the lock has only name and version: uses the licence of a sibling package. */
function licenceOf(path, { license, version, os }) {
  if (license !== undefined) return license;
  const manifest = join(root, path, 'package.json');
  if (existsSync(manifest)) return JSON.parse(readFileSync(manifest, 'utf8')).license;
  const scope = nameOf(path).split('/')[0];
  const isBeside = ([other, entry]) =>
    nameOf(other).startsWith(`${scope}/`) && entry.version === version && entry.license;
  return os === undefined || !scope.startsWith('@') ? undefined : installed.find(isBeside)?.[1].license;
}

/** SPDX expressions: one alternative of OR must be allowed, and all parts of AND. */
function isAllowed(licence) {
  if (typeof licence !== 'string') return false;
  const alternatives = licence.replace(/[()]/g, '').split(' OR ');
  return alternatives.some((one) => one.split(' AND ').every((part) => ALLOWED.has(part.trim())));
}

function print(what, entries) {
  const counts = new Map();
  for (const [path, entry] of entries) {
    const licence = licenceOf(path, entry) ?? 'unknown';
    counts.set(licence, (counts.get(licence) ?? 0) + 1);
  }
  const told = [...counts].sort((a, b) => b[1] - a[1]).map(([licence, count]) => `${licence} ${count}`);
  console.log(`${what}: ${told.join(', ')}`);
}
