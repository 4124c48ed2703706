import { expect, test } from 'vitest';
import { matchWildcard } from '#src/config/wildcard.ts';

test.each([
  ['openai/*', 'openai/gpt-4o', 'gpt-4o'],
  ['*', 'anything', 'anything'],
  ['gpt-*-mini', 'gpt-4o-mini', '4o'],
  ['openai/*', 'openai/', ''],
  ['gpt-4o', 'gpt-4o', ''],
  ['gpt-4o', 'gpt-4o-mini', null],
  ['openai/*', 'azure/gpt-4o', null],
  // The parts before and after the star must not overlap.
  ['ab*ba', 'aba', null],
])('%s and %s: %s', (pattern, name, rest) => {
  expect(matchWildcard(pattern, name)).toBe(rest);
});
