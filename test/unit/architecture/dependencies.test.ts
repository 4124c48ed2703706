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
    /^(?:(?:import|export) (?!type\b)(?:[^'=\n]* from )?|\} from )'([\w@][^'\n]*)';$|\b(?:import|createRequire\(import\.meta\.url\))\('([\w@][^'\n]*)'\)/gm,
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

test('every package used at run time is declared', () => {
  expect([...imported].filter((name) => !declared.includes(name))).toEqual([]);
});

/** Files that are loaded only where what they are for is configured; nothing else may need the packages. */
const LAZY: Record<string, readonly string[]> = {
  '@aws-sdk/': ['src/storage/s3-blobs.ts'],
  'hyparquet-writer': ['src/ledger/export-parquet.ts'],
  '@opentelemetry/': ['src/telemetry/open-telemetry.ts', 'src/telemetry/prometheus-producer.ts'],
};

test.each(Object.entries(LAZY))('%s is optional, and loaded only if it is used', (scope, importing) => {
  const importers = files.filter((file) =>
    packagesOf(readFileSync(ROOT + file, 'utf8')).some((name) => name.startsWith(scope)),
  );
  expect(importers).toEqual(importing);
  const [lazy] = importing;
  const name = lazy!.split('/').at(-1)!;
  const loading = files.filter((file) => readFileSync(ROOT + file, 'utf8').includes(`/${name}'`));
  for (const file of loading) expect(readFileSync(ROOT + file, 'utf8'), file).toContain(`import('./${name}')`);
});

test('nothing else is optional', () => {
  const scopes = Object.keys(LAZY);
  const others = Object.keys(manifest.optionalDependencies!).filter(
    (name) => !scopes.some((scope) => name.startsWith(scope)),
  );
  expect(others).toEqual([]);
});
