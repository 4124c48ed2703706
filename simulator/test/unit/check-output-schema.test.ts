import { describe, expect, test } from 'vitest';
import { checkOutputSchema } from '../../src/dialects/anthropic-messages/check-output-schema.ts';
import { complaintOf } from './refusal-of.ts';

const complaint = (schema: unknown) => complaintOf(() => checkOutputSchema(schema, 'schema'));
const object = (properties: object, more: object = {}) => ({
  type: 'object',
  properties,
  additionalProperties: false,
  ...more,
});

describe('a schema for structured outputs', () => {
  test('may use what the provider supports', () => {
    const schema = object(
      {
        when: { type: 'string', format: 'date-time' },
        tags: { type: 'array', minItems: 1, items: { enum: ['a', 'b'] } },
        maybe: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/point' }] },
      },
      { $defs: { point: object({ x: { type: 'number' } }) } },
    );
    expect(complaint(schema)).toBeNull();
  });

  test.each([
    ['an object that is open', { type: 'object', properties: {} }, 'additionalProperties'],
    ['an open object inside', object({ inner: { type: 'object', properties: {} } }), 'additionalProperties'],
    ['numeric bounds', object({ n: { type: 'integer', minimum: 1 } }), "'minimum'"],
    ['string lengths', object({ s: { type: 'string', maxLength: 3 } }), "'maxLength'"],
    ['many items', object({ list: { type: 'array', minItems: 2 } }), "'minItems'"],
    ['oneOf', object({ one: { oneOf: [] } }), "'oneOf'"],
    ['another format', object({ s: { type: 'string', format: 'phone' } }), "'phone'"],
    ['references elsewhere', object({ s: { $ref: 'https://example.com/s.json' } }), 'External references'],
    ['recursion', object({ next: { $ref: '#' } }), 'Recursive schemas'],
  ])('may not use %s', (_, schema, words) => expect(complaint(schema)).toContain(words));
});
