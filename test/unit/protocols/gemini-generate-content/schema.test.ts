import { describe, expect, test } from 'vitest';
import { readSchema } from '#src/protocols/gemini-generate-content/request/decode-tools.ts';
import { cleanSchema } from '#src/protocols/gemini-generate-content/request/encode-tools.ts';

describe('JSON Schema as Gemini accepts it', () => {
  test.each<[string, object, object]>([
    ['const', { const: 'a' }, { type: 'string', enum: ['a'] }],
    ['const with a type', { type: 'string', const: 'a' }, { type: 'string', enum: ['a'] }],
    ['const true', { const: true }, { type: 'boolean' }],
    ['const null', { const: null }, { type: 'null' }],
    ['an enum with null', { type: 'string', enum: ['a', null] }, { type: ['string', 'null'], enum: ['a'] }],
    ['an enum of numbers', { type: 'integer', enum: [1, 2] }, { type: 'integer', enum: [1, 2] }],
    [
      'allOf',
      {
        allOf: [
          { properties: { a: { const: 1 } }, required: ['a'] },
          { properties: { b: {} }, required: ['b'] },
        ],
      },
      { properties: { a: { type: 'number', enum: [1] }, b: {} }, required: ['a', 'b'] },
    ],
    [
      'allOf of one reference',
      { description: 'd', allOf: [{ $ref: '#/$defs/A' }] },
      { description: 'd', anyOf: [{ $ref: '#/$defs/A' }] },
    ],
    [
      'definitions',
      { $ref: '#/definitions/A', definitions: { A: { not: {} } } },
      { $ref: '#/$defs/A', $defs: { A: {} } },
    ],
    ['a reference with siblings', { $ref: '#/$defs/A', description: 'd' }, { $ref: '#/$defs/A' }],
    ['nullable', { type: 'string', nullable: true }, { type: ['string', 'null'] }],
    [
      'unsupported keywords',
      { type: 'object', $schema: 's', patternProperties: {}, if: {}, not: {}, minLength: 1, default: 1, minimum: 2 },
      { type: 'object', minimum: 2 },
    ],
    [
      'everything nested',
      { type: 'array', items: { anyOf: [{ const: 'a' }, { type: 'object', additionalProperties: { const: 'b' } }] } },
      {
        type: 'array',
        items: {
          anyOf: [
            { type: 'string', enum: ['a'] },
            { type: 'object', additionalProperties: { type: 'string', enum: ['b'] } },
          ],
        },
      },
    ],
    [
      'properties that are called like keywords',
      { properties: { const: { type: 'string' }, not: {} } },
      { properties: { const: { type: 'string' }, not: {} } },
    ],
  ])('%s', (_name, schema, expected) => {
    expect(cleanSchema(schema as Record<string, unknown>)).toEqual(expected);
  });
});

test('Gemini’s Schema as JSON Schema', () => {
  const schema = {
    type: 'OBJECT',
    propertyOrdering: ['a'],
    required: ['a'],
    properties: {
      a: { type: 'ARRAY', minItems: '1', max_items: 3, items: { type: 'INTEGER', format: 'int32', nullable: true } },
      b: { any_of: [{ type: 'STRING', format: 'enum', enum: ['x'] }, { type: 'NULL' }] },
      c: { type: 'string', format: 'date-time', example: 'now', title: 't', description: 'd' },
      d: { type: 'TYPE_UNSPECIFIED' },
    },
  };
  expect(readSchema(schema)).toEqual({
    type: 'object',
    required: ['a'],
    properties: {
      a: { type: 'array', minItems: 1, maxItems: 3, items: { type: ['integer', 'null'], format: 'int32' } },
      b: { anyOf: [{ type: 'string', enum: ['x'] }, { type: 'null' }] },
      c: { type: 'string', format: 'date-time', examples: ['now'], title: 't', description: 'd' },
      d: {},
    },
  });
});

test('thousands of members of allOf are merged in one pass', () => {
  const allOf = Array.from({ length: 20_000 }, (_, at) => ({
    properties: { [`k${at}`]: { type: 'string' } },
    required: [`k${at}`],
  }));
  const merged = cleanSchema({ type: 'object', allOf });
  expect(Object.keys(merged.properties as object)).toHaveLength(20_000);
  expect(merged.required).toHaveLength(20_000);
});
