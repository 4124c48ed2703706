// The small parts of the codecs: names of models, identifiers, schemas.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { escapeIdentifier, unescapeIdentifier } from '#src/protocols/anthropic-messages/blocks.ts';
import { type ModelTraits, traitsOf } from '#src/protocols/anthropic-messages/models.ts';
import { fitsStrictLimits, toStrictSchema } from '#src/protocols/anthropic-messages/request/strict-schema.ts';
import { explore } from '#test/support/runs.ts';

describe('what a model accepts', () => {
  test.each<[string, Partial<ModelTraits>]>([
    ['claude-3-5-sonnet-20241022', { hasStructuredOutputs: false, maxOutputTokens: null, takesSampling: true }],
    ['claude-opus-4-20250514', { maxOutputTokens: 32_000, thinking: ['enabled', 'disabled'], takesPrefill: true }],
    ['claude-opus-4-1@20250805', { maxOutputTokens: 32_000, hasStructuredOutputs: true }],
    ['claude-sonnet-4-0', { maxOutputTokens: 64_000, hasStructuredOutputs: false }],
    ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', { maxOutputTokens: 64_000, efforts: [], takesPrefill: true }],
    ['claude-opus-4-5', { efforts: ['low', 'medium', 'high'] }],
    [
      'anthropic/claude-opus-4.6',
      { thinking: ['enabled', 'adaptive', 'disabled'], takesPrefill: false, takesSampling: true },
    ],
    ['claude-opus-4-7', { thinking: ['adaptive', 'disabled'], thinksByDefault: false, takesSampling: false }],
    ['claude-opus-4-8', { takesSystemTurns: true }],
    ['claude-sonnet-5', { thinking: ['adaptive', 'disabled'], thinksByDefault: true, takesSampling: false }],
    ['claude-opus-5', { thinking: ['adaptive', 'disabled'], takesForcedTools: true }],
    ['claude-opus-5-5', { thinking: ['adaptive'], takesForcedTools: false }],
    ['claude-sonnet-5-5', { thinking: ['adaptive', 'between_tools'], takesForcedTools: false }],
    ['claude-haiku-5-5', { takesSampling: false, takesForcedTools: true }],
    ['claude-fable-5', { thinking: ['adaptive'], takesForcedTools: true }],
    ['claude-mythos-5-1', { thinking: ['adaptive'], takesForcedTools: false }],
    ['claude-opus-4-10', { takesSystemTurns: true, takesSampling: false }],
    ['claude-opus-9', { thinking: ['adaptive'], takesForcedTools: false }],
    ['claude-saga-7', { thinking: ['adaptive'], takesSampling: false, maxOutputTokens: 128_000 }],
    ['kimi-k3', { takesSampling: true, thinking: ['enabled', 'disabled'], maxOutputTokens: null }],
  ])('%s', (model, traits) => {
    expect(traitsOf(model)).toMatchObject(traits);
  });
});

describe('identifiers', () => {
  test.each([
    ['call_1', 'call_1'],
    ['functions.f:0', 'functions_x2e_f_x3a_0'],
    ['a_x2e_b', 'a_x5f_x2e_b'],
    ['é', '_xe9_'],
  ])('%s becomes %s', (text, identifier) => {
    expect(escapeIdentifier(text)).toBe(identifier);
  });

  test('every text can be restored from an identifier that Anthropic accepts', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.constantFrom('_', 'x', '2', 'e', 'f', '.', 'é', '-', 'Z')).map((characters) => characters.join('')),
    );
    fc.assert(
      fc.property(anyText, (text) => {
        const identifier = escapeIdentifier(text);
        expect(identifier).toMatch(/^[a-zA-Z0-9_-]*$/);
        expect(unescapeIdentifier(identifier)).toBe(text);
      }),
      explore(100),
    );
  });

  test('text that only looks like an escape is unchanged', () => {
    expect(unescapeIdentifier('a_xffffff_b')).toBe('a_xffffff_b');
  });
});

describe('strict schemas', () => {
  const object = (properties: object, more = {}) => ({ type: 'object', properties, ...more });
  const closed = (properties: object, more = {}) => object(properties, { additionalProperties: false, ...more });

  test.each<[string, object, object]>([
    ['objects are closed, wherever they stand', object({ a: object({}) }), closed({ a: closed({}) })],
    [
      'bounds move to the description',
      object({ a: { type: 'string', description: 'A', maxLength: 5, pattern: '^a' } }),
      closed({ a: { type: 'string', description: 'A\nConstraints: {"maxLength":5}', pattern: '^a' } }),
    ],
    ['oneOf is read as anyOf', object({ a: { oneOf: [object({})] } }), closed({ a: { anyOf: [closed({})] } })],
    [
      'formats that are not known are described',
      object({ a: { type: 'string', format: 'uri-reference' }, b: { type: 'string', format: 'uuid' } }),
      closed({
        a: { type: 'string', description: 'Constraints: {"format":"uri-reference"}' },
        b: { type: 'string', format: 'uuid' },
      }),
    ],
    [
      'one item may be demanded, two are described',
      object({ a: { type: 'array', minItems: 1, items: object({}) }, b: { type: 'array', minItems: 2 } }),
      closed({
        a: { type: 'array', minItems: 1, items: closed({}) },
        b: { type: 'array', description: 'Constraints: {"minItems":2}' },
      }),
    ],
    [
      'definitions are converted where they stand',
      object({ a: { $ref: '#/$defs/x' } }, { $defs: { x: object({}) } }),
      closed({ a: { $ref: '#/$defs/x' } }, { $defs: { x: closed({}) } }),
    ],
    ['members may be named like keywords', object({ not: { type: 'string' } }), closed({ not: { type: 'string' } })],
  ])('%s', (_name, schema, strict) => {
    expect(toStrictSchema(schema as Record<string, unknown>)).toEqual(strict);
  });

  test.each<[string, object]>([
    ['a map', object({ a: { type: 'object', additionalProperties: { type: 'string' } } })],
    ['any object', object({ a: { type: 'object' } })],
    ['recursion', object({ a: { $ref: '#' } })],
    [
      'recursion by a detour',
      object({ a: { $ref: '#/$defs/x' } }, { $defs: { x: object({ b: { $ref: '#/$defs/x' } }) } }),
    ],
    ['a reference to elsewhere', object({ a: { $ref: 'https://example.com/schema' } })],
    ['a reference to nothing', object({ a: { $ref: '#/$defs/x' } })],
  ])('%s is not supported', (_name, schema) => {
    expect(toStrictSchema(schema as Record<string, unknown>)).toBeNull();
  });

  test('a schema that is used twice is not a recursion', () => {
    const schema = object({ a: { $ref: '#/$defs/x' }, b: { $ref: '#/$defs/x' } }, { $defs: { x: object({}) } });
    expect(toStrictSchema(schema)).not.toBeNull();
  });

  test('limits apply over all strict tools', () => {
    const tool = (parameters: Record<string, unknown>) => ({
      kind: 'function' as const,
      name: 'f',
      parameters,
      isStrict: true,
    });
    const optional = Object.fromEntries(Array.from({ length: 25 }, (_, n) => [`p${n}`, { type: 'string' }]));
    const unions = Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`p${n}`, { anyOf: [] }]));
    expect(fitsStrictLimits(Array.from({ length: 20 }, () => tool(object({}))))).toBe(true);
    expect(fitsStrictLimits(Array.from({ length: 21 }, () => tool(object({}))))).toBe(false);
    expect(fitsStrictLimits([tool(object(optional))])).toBe(false);
    expect(fitsStrictLimits([tool(object(optional, { required: Object.keys(optional) }))])).toBe(true);
    expect(fitsStrictLimits([tool(object(unions, { required: Object.keys(unions) }))])).toBe(false);
  });
});

describe('schemas with references', () => {
  const layers = (count: number, last: object) => ({
    $ref: '#/$defs/a0',
    $defs: Object.fromEntries([
      ...Array.from({ length: count }, (_, at) => {
        const next = { $ref: `#/$defs/a${at + 1}` };
        return [`a${at}`, { type: 'object', properties: { x: next, y: next } }];
      }),
      [`a${count}`, last],
    ]),
  });

  test('a schema referenced twice is examined once, otherwise forty layers would never end', () => {
    expect(toStrictSchema(layers(40, { type: 'string' }))).not.toBeNull();
    expect(toStrictSchema(layers(40, { type: 'object' }))).toBeNull();
    expect(toStrictSchema(layers(40, { $ref: '#/$defs/a0' }))).toBeNull();
  });

  test('a chain longer than the stack is deep is not supported', () => {
    expect(toStrictSchema(layers(20_000, { type: 'string' }))).toBeNull();
  });
});
