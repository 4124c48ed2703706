// The scripts of the limiter and the forecast over them share constants, which Lua cannot import.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../src/limits/', import.meta.url));
const FRACTION = /^([\d_.]+)(?: \/ ([\d_.]+))?$/;

function constantsOf(file: string): [name: string, value: number][] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const declarations = text.matchAll(/^(?:export )?(?:local|const) ([A-Z][A-Z_]+) = ([\d_./ ]+);?$/gm);
  return [...declarations].map(([, name, value]) => {
    const [, over = '', under = '1'] = FRACTION.exec(value!.trim()) ?? [];
    return [name!, Number(over.replaceAll('_', '')) / Number(under.replaceAll('_', ''))];
  });
}

const declared = globSync(['*.lua', '*.ts'], { cwd: ROOT })
  .sort()
  .flatMap((file) => constantsOf(file).map(([name, value]) => ({ file, name, value })));
const byName = Map.groupBy(declared, ({ name }) => name);
const shared = [...byName].filter(([, places]) => places.length > 1);

test('there are constants to compare', () => {
  const names = shared.map(([name]) => name);
  for (const name of ['SLICES', 'KEEP_SLICES', 'BATCH_SHARE', 'BATCH_BURST_MS']) expect(names).toContain(name);
});

test.each(shared)('%s is the same in every file', (_name, places) => {
  expect(new Set(places.map(({ value }) => value)).size, JSON.stringify(places)).toBe(1);
});
