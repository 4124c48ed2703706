// scripts/shape.mjs counts files and finds dead references; here it examines a small tree of its own.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../../scripts/shape.mjs', import.meta.url));
let root: string;

interface Shape {
  total: { files: number; lines: number; median: number; largest: { path: string; lines: number } };
  singleImporter: { files: number; shortSiblings: { path: string }[] };
  deadReferences: { path: string; line: number; reference: string }[];
}

function write(files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

const shape = () =>
  JSON.parse(execFileSync(process.execPath, [SCRIPT, '--root', root, '--json'], { encoding: 'utf8' })) as Shape;
const deadIn = (path: string) =>
  shape()
    .deadReferences.filter((dead) => dead.path === path)
    .map(({ line, reference }) => `${line}: ${reference}`);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sluice-shape-'));
  write({
    '.gitignore': 'bench/results/\n',
    'package.json': '{ "imports": { "#src/*": "./src/*" } }\n',
    'src/main.ts': "import { a } from './part/a.ts';\nimport '#src/part/c.ts';\n\na();\n",
    'src/part/a.ts': "import { b } from './b.ts';\nexport const a = () => b;\n",
    'src/part/b.ts': 'export const b = 1;\n',
    'src/part/c.ts': "import './a.ts';\n",
    'docs/page.md': '# Page\n\n## Words used\n',
    'README.md': '[page](docs/page.md#words-used)\n',
  });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('reports files, median, largest and single importers', () => {
  const { total, singleImporter, deadReferences } = shape();
  expect(total).toEqual({ files: 4, lines: 8, median: 1.5, largest: { path: 'src/main.ts', lines: 4 } });
  expect(singleImporter.files).toBe(2);
  expect(singleImporter.shortSiblings.map(({ path }) => path)).toEqual(['src/part/b.ts']);
  expect(deadReferences).toEqual([]);
});

test('reports a comment that names a missing file, but not code that does', () => {
  write({
    'src/part/d.ts':
      "// See src/part/a.ts, src/part/gone.ts and lost-file.ts; bench/results/latest.md is generated.\nexport const d = 'src/part/gone.ts';\n// src/part/*.lua\n",
  });
  expect(deadIn('src/part/d.ts')).toEqual(['1: src/part/gone.ts', '3: src/part/*.lua', '1: lost-file.ts']);
});

test('reports a link to a missing page or heading', () => {
  write({ 'docs/other.md': '[a](page.md) [b](gone.md)\n[c](page.md#nowhere) [d](https://example.com/x.md)\n' });
  expect(deadIn('docs/other.md')).toEqual(['1: gone.md', '2: page.md#nowhere']);
});

test('reports references outside the repository', () => {
  write({
    'src/part/d.ts': '// Source: ../shared/reference/notes.md, ./a.ts, ../gone.ts\n',
    'CHANGELOG.md': '[x](../up.md)\n',
  });
  expect(deadIn('src/part/d.ts')).toEqual(['1: ../shared/reference/notes.md', '1: ../gone.ts']);
  expect(deadIn('CHANGELOG.md')).toEqual(['1: ../up.md']);
});

test('dead references fail a check', () => {
  const check = () => spawnSync(process.execPath, [SCRIPT, '--root', root, '--check']).status;
  expect(check()).toBe(0);
  write({ 'src/part/d.ts': '// src/part/gone.ts\n' });
  expect(check()).toBe(1);
});
