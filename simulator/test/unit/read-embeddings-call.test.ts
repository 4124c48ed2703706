import { describe, expect, test } from 'vitest';
import { embedText, readEmbeddingsCall } from '../../src/dialects/openai-embeddings/read-call.ts';
import { RefusalError } from '../../src/engine/refusal.ts';

const model = 'text-embedding-3-small';
const read = (input: unknown) => readEmbeddingsCall({ model, input }).call;

function refusalOf(body: unknown) {
  try {
    readEmbeddingsCall(body);
  } catch (error) {
    if (error instanceof RefusalError) return error.refusal;
    throw error;
  }
  return null;
}

describe('an embeddings request', () => {
  test.each([
    ['a text', 'eight by', 2, 2],
    ['several texts', ['four', 'eight by'], 3, 2],
    ['a text as tokens', [1, 2, 3], 3, 3],
    ['several texts as tokens', [[1], [2, 3]], 3, 2],
  ])('for %s counts all tokens, and compares the longest text with the context window', (_, input, all, longest) => {
    expect(read(input)).toMatchObject({ promptTokens: all, windowTokens: longest, choices: 0, isStream: false });
  });

  test('accepts commands in any of its texts', () => {
    expect(read(['a [[sim fault=500]]', 'b']).lastUserText).toContain('[[sim fault=500]]');
  });

  const large = 'x'.repeat(4 * 8_000);

  test.each([
    ['no input', { model }, { kind: 'invalid', param: 'input', code: 'missing_required_parameter' }],
    ['an empty list', { model, input: [] }, { kind: 'invalid', param: 'input', code: 'invalid_type' }],
    ['an empty text', { model, input: ['a', ''] }, { kind: 'invalid', param: 'input', code: 'empty_string' }],
    ['texts mixed with tokens', { model, input: ['a', 1] }, { kind: 'invalid', code: 'invalid_type' }],
    ['too many texts', { model, input: Array(2_049).fill('a') }, { kind: 'invalid', code: 'array_above_max_length' }],
    ['a text that is too long', { model, input: 'x'.repeat(4 * 8_193) }, { kind: 'context_length', limit: 8_192 }],
    ['too much in all', { model, input: Array(38).fill(large) }, { kind: 'invalid', code: 'max_tokens_per_request' }],
    ['more numbers than there are', { model, input: 'a', dimensions: 1_537 }, { kind: 'invalid' }],
    [
      'fewer numbers of a model that cannot',
      { model: 'text-embedding-ada-002', input: 'a', dimensions: 8 },
      { kind: 'invalid' },
    ],
    [
      'an unknown encoding',
      { model, input: 'a', encoding_format: 'int8' },
      { kind: 'invalid', param: 'encoding_format' },
    ],
  ])('with %s is refused', (_, body, expected) => {
    expect(refusalOf(body)).toMatchObject(expected);
  });
});

describe('a vector', () => {
  const lengthOf = (vector: Float32Array) => Math.hypot(...vector);
  const product = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, index) => sum + value * b[index]!, 0);

  test('has length one', () => {
    for (const dimensions of [1, 8, 1_536]) expect(lengthOf(embedText('a', model, 0, dimensions))).toBeCloseTo(1, 5);
  });

  test('depends only on text, model and seed', () => {
    const vector = embedText('a', model, 0, 256);
    expect(embedText('a', model, 0, 256)).toEqual(vector);
    for (const other of [embedText('b', model, 0, 256), embedText('a', 'm', 0, 256), embedText('a', model, 1, 256)]) {
      expect(Math.abs(product(vector, other))).toBeLessThan(0.5);
    }
  });

  test('that is shorter is the normalised beginning of the longer one', () => {
    const [short, long] = [embedText('a', model, 0, 8), embedText('a', model, 0, 16).subarray(0, 8)];
    const shrink = lengthOf(long);
    for (const [index, value] of short.entries()) expect(value).toBeCloseTo(long[index]! / shrink, 5);
  });
});
