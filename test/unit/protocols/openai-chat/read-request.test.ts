import { describe, expect, test } from 'vitest';
import { readChatRequest } from '#src/protocols/openai-chat/request/read-request.ts';

const TARGET = { path: '/v1/chat/completions', query: {} };

const messages = [{ role: 'user', content: 'Hello' }];

describe('what Sluice reads of a request', () => {
  test('a minimal request', () => {
    expect(readChatRequest({ model: 'm', messages }, TARGET)).toEqual({
      model: 'm',
      isStream: false,
      usageDelivery: 'none',
      estimatedInputTokens: 10,
      maxOutputTokens: null,
      choices: 1,
      alternativeModels: [],
      preferences: {},
    });
  });

  test('everything', () => {
    const body = {
      model: 'm',
      messages,
      stream: true,
      stream_options: { include_usage: true, continuous_usage_stats: true },
      max_tokens: 5,
      max_completion_tokens: 10,
      n: 3,
      models: ['a'],
      provider: { order: ['x'], only: ['x', 'y'], ignore: ['z'], allow_fallbacks: false, sort: 'price' },
    };
    expect(readChatRequest(body, TARGET)).toMatchObject({
      isStream: true,
      usageDelivery: 'own-event',
      hasRunningUsage: true,
      maxOutputTokens: 30,
      choices: 3,
      alternativeModels: ['a'],
      preferences: { order: ['x'], only: ['x', 'y'], ignore: ['z'], allowFallbacks: false },
    });
  });

  test('nulls count as absent, unknown members and values are left to the provider', () => {
    const body = {
      model: 'm',
      messages,
      stream: null,
      max_tokens: null,
      temperature: 'hot',
      reasoning_effort: 'ultra',
      x: 1,
    };
    expect(readChatRequest(body, TARGET)).toMatchObject({ model: 'm', isStream: false });
  });

  test('long prompts, images and tools are counted', () => {
    const tokens = (body: object) => {
      const facts = readChatRequest({ model: 'm', messages, ...body }, TARGET);
      return 'estimatedInputTokens' in facts ? facts.estimatedInputTokens : Number.NaN;
    };
    expect(tokens({ messages: [{ role: 'user', content: 'x'.repeat(4_000) }] })).toBe(1_008);
    const image = {
      role: 'user',
      content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(1e6)}` } }],
    };
    expect(tokens({ messages: [image] })).toBe(808);
    expect(
      tokens({ tools: [{ type: 'function', function: { name: 'f', description: 'd'.repeat(400) } }] }),
    ).toBeGreaterThan(110);
  });
});

describe('errors name the field', () => {
  test.each([
    ['no model', { messages }, 'parameter_missing', 'model', "Missing required parameter: 'model'."],
    ['no messages', { model: 'm' }, 'parameter_missing', 'messages', "Missing required parameter: 'messages'."],
    ['an empty model', { model: '', messages }, 'request_invalid', 'model', undefined],
    ['no message in messages', { model: 'm', messages: [] }, 'request_invalid', 'messages', undefined],
    ['a message that is a text', { model: 'm', messages: ['hi'] }, 'request_invalid', 'messages[0]', undefined],
    ['a stream that is a text', { model: 'm', messages, stream: 'yes' }, 'request_invalid', 'stream', undefined],
    ['a negative limit', { model: 'm', messages, max_tokens: -1 }, 'request_invalid', 'max_tokens', undefined],
    [
      'providers that are no list',
      { model: 'm', messages, provider: { only: 'x' } },
      'request_invalid',
      'provider.only',
      undefined,
    ],
  ])('%s', (_name, body, code, param, message) => {
    expect(readChatRequest(body, TARGET)).toMatchObject({ code, param, ...(message === undefined ? {} : { message }) });
  });

  test.each([[[]], ['text'], [null], [7]])('a body that is %j', (body) => {
    expect(readChatRequest(body, TARGET)).toMatchObject({ code: 'request_invalid' });
  });
});
