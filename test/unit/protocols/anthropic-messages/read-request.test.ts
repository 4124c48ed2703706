import { describe, expect, test } from 'vitest';
import { anthropicCountTokensClient, anthropicMessagesClient } from '#src/protocols/anthropic-messages/protocol.ts';

const TARGET = { path: '/v1/messages', query: {} };
const messages = [{ role: 'user', content: 'Hello' }];
const read = (body: unknown) => anthropicMessagesClient.readRequest(body, TARGET);

describe('what Sluice reads of a request', () => {
  test('a minimal request', () => {
    expect(read({ model: 'm', max_tokens: 5, messages })).toEqual({
      model: 'm',
      isStream: false,
      usageDelivery: 'own-event',
      estimatedInputTokens: 10,
      maxOutputTokens: 5,
      choices: 1,
      alternativeModels: [],
      preferences: {},
    });
  });

  test('everything', () => {
    const body = {
      model: 'm',
      max_tokens: 5,
      messages,
      stream: true,
      models: ['a'],
      provider: { order: ['x'], only: ['x', 'y'], ignore: ['z'], allow_fallbacks: false, sort: 'price' },
      unknown_member: 1,
    };
    expect(read(body)).toMatchObject({
      isStream: true,
      alternativeModels: ['a'],
      preferences: { order: ['x'], only: ['x', 'y'], ignore: ['z'], allowFallbacks: false },
    });
  });

  const tokens = (more: object) => {
    const facts = read({ model: 'm', max_tokens: 5, messages, ...more });
    return 'estimatedInputTokens' in facts ? facts.estimatedInputTokens : Number.NaN;
  };
  const block = (value: object) => ({ messages: [{ role: 'user', content: [value] }] });
  const base64 = { type: 'base64', media_type: 'application/pdf', data: 'A'.repeat(40_000) };

  test.each<[string, object, number]>([
    ['a system prompt', { system: 'x'.repeat(400) }, 110],
    ['system blocks', { system: [{ type: 'text', text: 'x'.repeat(400) }] }, 110],
    ['an image, whatever its size', block({ type: 'image', source: { data: 'A'.repeat(1e6) } }), 808],
    ['a tenth of a PDF', block({ type: 'document', source: base64 }), 1_008],
    ['a document of text', block({ type: 'document', source: { type: 'text', data: 'x'.repeat(400) } }), 108],
    ['what a tool gave', block({ type: 'tool_result', content: [{ type: 'text', text: 'x'.repeat(400) }] }), 108],
    ['a thought without its signature', block({ type: 'thinking', thinking: 'abcd', signature: 'x'.repeat(900) }), 9],
  ])('%s is counted', (_name, more, expected) => {
    expect(tokens(more)).toBe(expected);
  });

  test('tools are counted', () => {
    expect(tokens({ tools: [{ name: 'f', description: 'd'.repeat(400), input_schema: {} }] })).toBeGreaterThan(110);
  });
});

describe('errors name the field', () => {
  test.each<[string, unknown, string, string | undefined, string]>([
    ['no max_tokens', { model: 'm', messages }, 'parameter_missing', 'max_tokens', 'max_tokens: Field required'],
    ['no model', { max_tokens: 1, messages }, 'parameter_missing', 'model', 'model: Field required'],
    ['no messages', { model: 'm', max_tokens: 1 }, 'parameter_missing', 'messages', 'messages: Field required'],
    ['no message', { model: 'm', max_tokens: 1, messages: [] }, 'request_invalid', 'messages', 'messages: '],
    [
      'a text for a message',
      { model: 'm', max_tokens: 1, messages: ['x'] },
      'request_invalid',
      'messages.0',
      'messages.0',
    ],
    ['a negative limit', { model: 'm', max_tokens: -1, messages }, 'request_invalid', 'max_tokens', 'max_tokens: '],
    ['a list', [], 'request_invalid', undefined, 'The request body must be a JSON object'],
    ['null', null, 'request_invalid', undefined, 'The request body must be a JSON object'],
  ])('%s', (_name, body, code, param, message) => {
    expect(read(body)).toMatchObject({ code, message: expect.stringContaining(message), ...(param ? { param } : {}) });
  });
});

describe('counting tokens', () => {
  test('requires no max_tokens and is never streamed', () => {
    const facts = anthropicCountTokensClient.readRequest({ model: 'm', messages, stream: true }, TARGET);
    expect(facts).toMatchObject({ isStream: false, maxOutputTokens: 0, estimatedInputTokens: 10 });
  });

  test('is answered with an estimate if no provider supports it', () => {
    const facts = anthropicCountTokensClient.readRequest({ model: 'm', messages }, TARGET);
    if ('code' in facts) throw new Error(facts.message);
    expect(anthropicCountTokensClient.answerLocally!(facts).body.toString()).toBe('{"input_tokens":10}');
  });
});
