import { expect, test } from 'vitest';
import { missingColumns, parseTemplate } from '#src/cli/batch/prompts.ts';

const ROW = { name: 'chair', 'long text': 'red', empty: '' };

test.each([
  ['Describe {name}.', 'Describe chair.'],
  ['{ name }/{long text}', 'chair/red'],
  ['{name}{name}', 'chairchair'],
  ['{{"a": "{name}"}}', '{"a": "chair"}'],
  ['{{{name}}}', '{chair}'],
  ['[{empty}]', '[]'],
  ['no columns', 'no columns'],
  ['', ''],
])('%s', (template, text) => {
  expect(parseTemplate(template).fill(ROW)).toBe(text);
});

test.each(['{', 'a } b', '{}', '{ }', '{a{b}', 'x {a'])('%s is an error with its position', (template) => {
  expect(() => parseTemplate(template)).toThrow(/the template has (a lone|an empty)/);
});

test('column names are unique; missing ones are found', () => {
  const template = parseTemplate('{a} {b} {a}');
  expect(template.columns).toEqual(['a', 'b']);
  expect(missingColumns(template, ['b', 'c'])).toEqual(['a']);
});

test('values are not parsed as templates', () => {
  expect(parseTemplate('{a}').fill({ a: '{b} {{' })).toBe('{b} {{');
});
