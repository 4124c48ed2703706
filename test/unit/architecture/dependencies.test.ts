// What package.json declares is imported by what runs, and what runs imports nothing else.
import { globSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const manifest = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as Record<string, Record<string, string>>;
const files = globSync(['src/**/*.ts', 'workers/**/*.ts', 'simulator/src/**/*.ts'], { cwd: ROOT });
const imported = new Set(files.flatMap((file) => packagesOf(readFileSync(ROOT + file, 'utf8'))));

/** Types alone are not there when it runs. */
function packagesOf(source: string): string[] {
  const imports = source.matchAll(
    /^(?:(?:import|export) (?!type\b)(?:[^'=\n]* from )?|\} from )'([\w@][^'\n]*)';$|\bimport\('([\w@][^'\n]*)'\)/gm,
  );
  const targets = [...imports].map(([, fixed, dynamic]) => fixed ?? dynamic!);
  return targets
    .filter((target) => !target.startsWith('node:') && !builtinModules.includes(target))
    .map((target) =>
      target
        .split('/')
        .slice(0, target.startsWith('@') ? 2 : 1)
        .join('/'),
    );
}

const declared = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });

test('every dependency is used', () => {
  expect(declared.filter((name) => !imported.has(name))).toEqual([]);
});

test('every package that runs is declared', () => {
  expect([...imported].filter((name) => !declared.includes(name))).toEqual([]);
});

test('the S3 client is optional, and imported by one file alone', () => {
  expect(Object.keys(manifest.optionalDependencies!)).toEqual(['@aws-sdk/client-s3']);
  const importers = files.filter((file) =>
    packagesOf(readFileSync(ROOT + file, 'utf8')).includes('@aws-sdk/client-s3'),
  );
  expect(importers).toEqual(['src/storage/s3-blobs.ts']);
});
