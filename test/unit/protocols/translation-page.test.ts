// docs/translation.md matches the codecs: run `npm run generate` after a change.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { translationPage } from '../../../scripts/translation/page.ts';

const written = readFileSync(new URL('../../../docs/translation.md', import.meta.url), 'utf8');

test('docs/translation.md is up to date', () => {
  expect(written).toBe(translationPage());
});

test('nothing that changes the meaning of an answer is dropped', () => {
  const meaning = /^\| (text|tool|a forced|custom|calls|stop sequences|several answers|image|audio|PDF|JSON)/;
  const dropped = written.split('\n').filter((line) => meaning.test(line) && line.includes('dropped'));
  expect(dropped).toEqual([]);
});
