// What comments and pages name is there: pages, their sections, files of this repository. Nothing outside
// of it is cited.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SOURCES = '{src,workers,bench,scripts,bin,deploy,docs,simulator,test}/**/*.{ts,mjs,js,lua,sh,md,yaml,yml}';
const ITSELF = 'test/unit/architecture/references.test.ts';
/** Its small tree has its own pages and files. */
const SMALL_TREE = 'test/unit/architecture/shape.test.ts';
const exclude = ['**/node_modules/**', 'bench/results/**', ITSELF, SMALL_TREE];
const files = globSync([SOURCES, '*.{md,ts,yml}'], { cwd: ROOT, exclude }).sort();

/** Looks for something next to the checkout, and works without it. */
const LOOKS_BESIDE = 'test/support/openai-schemas.ts';
/** Dated: they name the files of their day. */
const IS_DATED = /^(CHANGELOG\.md|docs\/decisions\/)/;
/** Written by a run, and not kept. */
const WRITTEN = new Set(['bench/results/latest.md']);

const OUTSIDE = /(?<![\w-])(?:\.\.\/)*shared\/[\w.*-]+/g;
const PAGE = /(?<![\w/.:-])((?:[\w.-]+\/)*[A-Za-z][\w-]*\.md)\b(?:,? sections? (\d+(?:(?:, | and | to )\d+)*))?/g;
const SOURCE = /(?<![\w/.-])((?:src|workers|test|bench|scripts|simulator)\/[\w./-]+\.(?:ts|mjs|lua|sh))\b/g;
const LINK = /\]\((?!https?:|mailto:|#)([^)#\s]+)/g;

function faultsOf(file: string, text: string): string[] {
  // A comment that is wrapped is one sentence.
  const prose = proseOf(file, text).replaceAll(/\n[ \t]*(?:\/\/|\*|--|#)?[ \t]*/g, ' ');
  const found = (pattern: RegExp, where = prose) => [...where.matchAll(pattern)];
  return [
    ...(file === LOOKS_BESIDE
      ? []
      : found(OUTSIDE, text).map(([path]) => `${file}: ${path} is outside of the repository`)),
    ...found(PAGE).flatMap(([, page, sections]) => pageFaults(file, page!, sections)),
    ...(file.endsWith('.md') ? found(LINK).flatMap(([, target]) => missing(file, join(dirname(file), target!))) : []),
    ...(IS_DATED.test(file) ? [] : found(SOURCE).flatMap(([, path]) => missing(file, path!))),
  ];
}

/** A page as it is; of code its comments, and the texts that refer readers to a page. */
function proseOf(file: string, text: string): string {
  if (file.endsWith('.md')) return text;
  const isProse = (line: string) => /^\s*(\/\/|\/?\*|--|#)|\s\/\/ |docs\/[\w/-]+\.md/.test(line);
  return text.split('\n').filter(isProse).join('\n');
}

function missing(file: string, path: string): string[] {
  return existsSync(join(ROOT, path)) ? [] : [`${file}: there is no ${path}`];
}

/** Pages are named from the root, or from the folder of the page that names them. */
function pageFaults(file: string, page: string, sections = ''): string[] {
  const place = [page, join(dirname(file), page)].find((path) => existsSync(join(ROOT, path)));
  if (WRITTEN.has(page)) return [];
  if (place === undefined) return [`${file}: there is no ${page}`];
  const headings = readFileSync(join(ROOT, place), 'utf8');
  return numbersIn(sections)
    .filter((section) => !new RegExp(`^#+ ${section}\\. `, 'm').test(headings))
    .map((section) => `${file}: ${page} has no section ${section}`);
}

/** `1, 2 and 6`, `2 to 5`. */
function numbersIn(sections: string): number[] {
  const whole = sections.replaceAll(/(\d+) to (\d+)/g, (_, from: string, to: string) => {
    const numbers = Array.from({ length: Number(to) - Number(from) + 1 }, (_, index) => Number(from) + index);
    return numbers.join(', ');
  });
  return (whole.match(/\d+/g) ?? []).map(Number);
}

test.each([
  ['// Source: ../shared/reference/openai-chat.md.', '../shared/reference is outside of the repository'],
  ['// Reasons: docs/no-such-page.md.', 'there is no docs/no-such-page.md'],
  ['// DESIGN.md, invariant 11.', 'there is no DESIGN.md'],
  ['// Source:\n// docs/reference/openai-chat.md sections 1, 2\n// and 99.', 'openai-chat.md has no section 99'],
  ['/** docs/reference/openai-chat.md sections 8 to 10. */', 'openai-chat.md has no section 10'],
  ['-- Called by src/reply/no-such-file.ts only', 'there is no src/reply/no-such-file.ts'],
])('a dead reference in a comment is found: %s', (comment, fault) => {
  expect(faultsOf('src/example.ts', comment).join('\n')).toContain(fault);
});

test('a dead link is found', () => {
  const page = '[here](../README.md), [there](../no/such-folder), [elsewhere](https://example.com), [above](#top)';
  expect(faultsOf('docs/example.md', page)).toEqual(['docs/example.md: there is no no/such-folder']);
});

test('a valid reference in a comment is accepted', () => {
  const comment =
    '// docs/reference/openai-chat.md sections 1 to 3 and 5,\n// src/cli.ts, https://example.com/shared-pages.md';
  expect(faultsOf('src/example.ts', comment)).toEqual([]);
});

test('there are files to check', () => {
  expect(files.length).toBeGreaterThan(500);
});

test('everything named in comments and pages exists', () => {
  expect(files.flatMap((file) => faultsOf(file, readFileSync(join(ROOT, file), 'utf8')))).toEqual([]);
});
