import { describe, expect, test } from 'vitest';
import { createRandom } from '../../src/engine/answers/random.ts';
import { sampleJson } from '../../src/engine/answers/sample-json.ts';

const sample = (schema: unknown) => sampleJson(schema, createRandom(1));

describe('a value for a schema', () => {
  test.each([
    ['a constant', { const: 5 }, 5],
    ['one of an enumeration', { enum: ['only'] }, 'only'],
    ['a known format', { type: 'string', format: 'date' }, '2026-01-01'],
    ['the type that is not null', { type: ['null', 'boolean'] }, expect.any(Boolean)],
    ['the first alternative that is not null', { anyOf: [{ type: 'null' }, { const: 'x' }] }, 'x'],
    ['a reference', { $ref: '#/$defs/name', $defs: { name: { const: 'n' } } }, 'n'],
    [
      'parts put together',
      { allOf: [{ properties: { a: { const: 1 } } }, { properties: { b: { const: 2 } } }] },
      { a: 1, b: 2 },
    ],
    ['types in capitals', { type: 'OBJECT', properties: { a: { type: 'NULL' } } }, { a: null }],
    ['no schema at all', null, expect.any(String)],
  ])('%s', (_, schema, value) => expect(sample(schema)).toEqual(value));

  test.each([
    [{ type: 'integer', minimum: 200 }, 200, 200],
    [{ type: 'integer', maximum: -3 }, -3, -3],
    [{ type: 'integer', exclusiveMinimum: 200, exclusiveMaximum: 202 }, 201, 201],
    [{ type: 'number', minimum: 0.2, maximum: 0.3 }, 0.2, 0.3],
    [{ type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 0.5 }, 0.001, 0.499],
    [{ type: 'integer', minimum: 201, multipleOf: 25 }, 225, 225],
  ])('a number is within the bounds of %o', (schema, least, most) => {
    expect(sample(schema)).toBeGreaterThanOrEqual(least);
    expect(sample(schema)).toBeLessThanOrEqual(most);
  });

  test('respects the lengths of strings and lists', () => {
    expect(sample({ type: 'string', minLength: 50 })).toMatch(/^.{50,}$/);
    expect(sample({ type: 'string', maxLength: 3 })).toHaveLength(3);
    expect(sample({ type: 'array', minItems: 3, items: { const: 1 } })).toEqual([1, 1, 1]);
    expect(sample({ type: 'array', maxItems: 0, items: {} })).toEqual([]);
  });

  test('is finite for a recursive schema', () => {
    const list = {
      type: 'object',
      required: ['next'],
      properties: { next: { anyOf: [{ $ref: '#' }, { type: 'null' }] } },
    };
    expect(JSON.stringify(sample(list))).toContain('null');
    const wide = {
      type: 'object',
      properties: Object.fromEntries('abcdefgh'.split('').map((name) => [name, { $ref: '#' }])),
    };
    expect(JSON.stringify(sample(wide)).length).toBeLessThan(200_000);
    expect(sample({ $ref: '#' })).toBeNull();
  });
});
