#!/usr/bin/env node
// Reports the share of the product's functions that tests ran in their own processes, as recorded by
// test/support/note-functions.ts. Child processes are not included: most of them are killed. `npm run coverage` includes them,
// and lines.
//
//   node scripts/functions.mjs FOLDER
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: node scripts/functions.mjs FOLDER');
  process.exit(2);
}
/** By file and position: whether any worker has run the function. */
const ran = new Map();
for (const name of readdirSync(folder)) {
  for (const [url, functions] of Object.entries(JSON.parse(readFileSync(join(folder, name), 'utf8')))) {
    if (!ran.has(url)) ran.set(url, new Map());
    const places = ran.get(url);
    for (const [place, hasRun] of Object.entries(functions)) places.set(place, hasRun || (places.get(place) ?? 0));
  }
}
const all = [...ran.values()].flatMap((places) => [...places.values()]);
const share = ((100 * all.filter(Boolean).length) / Math.max(1, all.length)).toFixed(1);
const files = globSync('{src,workers,simulator/src}/**/*.ts').length;
console.log(
  `Functions run by the tests in their own processes: ${share} % of ${all.length}, in ${ran.size} of ${files} files.`,
);
