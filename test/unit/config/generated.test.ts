// Generated files match the code: run `npm run generate` after a change.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configurationPage } from '#src/cli/configuration-page.ts';
import { configurationJsonSchema, type JsonSchema } from '#src/config/json-schema.ts';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

test('sluice.schema.json is up to date', () => {
  expect(JSON.parse(read('sluice.schema.json'))).toEqual(configurationJsonSchema());
});

test('docs/configuration.md is up to date', () => {
  expect(read('docs/configuration.md')).toBe(configurationPage());
});

test('every setting has a description', () => {
  const silent = configurationPage()
    .split('\n')
    .filter((line) => /^\| `[a-z]+\.[^|]*\|[^|]*\|[^|]*\|\s*\|$/.test(line));
  expect(silent).toEqual([]);
});

test('names can be chosen freely, settings cannot', () => {
  const provider = configurationJsonSchema().properties?.providers?.additionalProperties as JsonSchema;
  expect(provider.additionalProperties).toBe(false);
});

test('every setting of the page has a type, including sections that may be false', () => {
  expect(configurationPage()).not.toContain('undefined');
  expect(configurationPage()).toContain('| `server.websockets.connections_per_key` | integer |');
});
