// The README leads to every page and names every command.
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const readme = readFileSync(`${ROOT}README.md`, 'utf8');

test.each(globSync(['docs/*.md', 'docs/reference/*.md'], { cwd: ROOT }).sort())('links to %s', (page) => {
  expect(readme).toContain(`(${page})`);
});

test('has no dead links', () => {
  const targets = [...readme.matchAll(/\]\(((?!https?:)[^)#]+)[^)]*\)/g)].map(([, target]) => target!);
  expect(targets.filter((target) => globSync(target, { cwd: ROOT }).length === 0)).toEqual([]);
});

const sources = globSync(['src/cli.ts', 'src/cli/*.ts'], { cwd: ROOT }).map((file) =>
  readFileSync(ROOT + file, 'utf8'),
);
/** Commands of the first level: sub-commands are attached to other names. */
const commands = new Set(
  sources.flatMap((text) => [
    ...[...text.matchAll(/\bprogram\s*\.command\('([\w-]+)/g)].map(([, name]) => name!),
    ...[...text.matchAll(/new Command\('([\w-]+)'\)/g)].map(([, name]) => name!),
  ]),
);

test('there are commands to check', () => {
  expect([...commands]).toEqual(expect.arrayContaining(['start', 'worker', 'batch', 'webhooks', 'dead-letters']));
});

test.each([...commands].filter((name) => name !== 'sluice'))('names the command %s', (name) => {
  expect(readme).toMatch(new RegExp(`\`sluice[^\`]*\\b${name}\\b`));
});
