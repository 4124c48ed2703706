// The tree in docs/architecture.md is the tree: what it names is there, and every folder that a reader meets is named.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '#test/support/processes.ts';

const page = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');
const [, tree] = /## Parts\n\n```\n([\s\S]*?)```/.exec(page)!;
const named = pathsIn(tree!);

/** A line has names, two spaces between them, and what they are; two more spaces before them than those of their folder. */
function pathsIn(text: string): string[] {
  const folders: string[] = [];
  return text
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => {
      const depth = /^ */.exec(line)![0].length / 2;
      const names = line.trim().split(/ {2,}/);
      const paths = names.filter((name) => /^[\w.-]+(\/|\.ts)$/.test(name));
      folders.length = depth;
      const found = paths.map((name) => [...folders, name].join(''));
      folders.push(paths.at(-1) ?? '');
      return found;
    });
}

test('everything that it names exists', () => {
  expect(named.length).toBeGreaterThan(35);
  expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test('it names all folders', () => {
  const ignored = ['node_modules/', 'dist/', 'coverage/'];
  const folders = globSync(['*/', 'src/*/', 'src/api/*/', 'workers/*/'], { cwd: ROOT }).map((path) =>
    `${path}/`.replace('//', '/'),
  );
  expect(folders.filter((path) => !named.includes(path) && !ignored.includes(path))).toEqual([]);
});
