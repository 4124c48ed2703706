import { describe, expect, test } from 'vitest';
import { readResponsesRequest } from '#src/protocols/openai-responses/request/read-request.ts';

describe('what Sluice reads of a request', () => {
  test('a minimal request', () => {
    expect(readResponsesRequest({ model: 'm', input: 'Hello' })).toEqual({
      model: 'm',
      isStream: false,
      usageDelivery: 'own-event',
      estimatedInputTokens: 10,
      maxOutputTokens: null,
      choices: 1,
      alternativeModels: [],
      preferences: {},
      memory: { store: null, isBackground: false, previousResponseId: null, conversationId: null },
    });
  });

  test('everything', () => {
    const body = {
      model: 'm',
      input: [{ role: 'user', content: 'Hello' }],
      stream: true,
      max_output_tokens: 10,
      models: ['a'],
      provider: { order: ['x'], only: ['x', 'y'], ignore: ['z'], allow_fallbacks: false, sort: 'price' },
    };
    expect(readResponsesRequest(body)).toMatchObject({
      isStream: true,
      maxOutputTokens: 10,
      alternativeModels: ['a'],
      preferences: { order: ['x'], only: ['x', 'y'], ignore: ['z'], allowFallbacks: false },
    });
  });

  test('nulls count as absent, unknown members and values are left to the provider', () => {
    const body = {
      model: 'm',
      input: [{ type: 'of_tomorrow' }],
      stream: null,
      background: null,
      previous_response_id: null,
      temperature: 'hot',
      conversation: 'conv_1',
    };
    expect(readResponsesRequest(body)).toMatchObject({ model: 'm', isStream: false });
  });

  test('what is to be stored, and what belongs to it', () => {
    const body = { model: 'm', input: 'x', store: false, background: true, previous_response_id: 'resp_1' };
    expect(readResponsesRequest(body)).toMatchObject({
      memory: { store: false, isBackground: true, previousResponseId: 'resp_1', conversationId: null },
    });
    for (const conversation of ['conv_1', { id: 'conv_1' }]) {
      expect(readResponsesRequest({ model: 'm', conversation })).toMatchObject({
        memory: { conversationId: 'conv_1' },
      });
    }
  });

  test('a stored prompt has its own input', () => {
    expect(readResponsesRequest({ model: 'm', prompt: { id: 'pmpt_1' } })).toMatchObject({ model: 'm' });
  });
});

describe('the estimate of every kind of item', () => {
  const tokens = (more: object) => {
    const facts = readResponsesRequest({ model: 'm', input: 'Hello', ...more });
    return 'estimatedInputTokens' in facts ? facts.estimatedInputTokens : Number.NaN;
  };
  const item = (value: object) => tokens({ input: [value] }) - tokens({ input: [{ type: 'unknown' }] });

  test.each([
    ['a message of one string', { role: 'user', content: 'x'.repeat(400) }, 100],
    ['a message of parts', { role: 'user', content: [{ type: 'input_text', text: 'x'.repeat(400) }] }, 100],
    ['an image', { role: 'user', content: [{ type: 'input_image', image_url: `data:${'x'.repeat(9_999)}` }] }, 800],
    ['a file', { role: 'user', content: [{ type: 'input_file', file_data: 'x'.repeat(4_000) }] }, 100],
    ['audio', { role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'x'.repeat(4_000) } }] }, 100],
    ['a call', { type: 'function_call', name: 'abcd', arguments: 'x'.repeat(396) }, 100],
    ['a custom call', { type: 'custom_tool_call', name: 'abcd', input: 'x'.repeat(396) }, 100],
    ['an output', { type: 'function_call_output', output: 'x'.repeat(400) }, 100],
    [
      'an output of parts',
      { type: 'function_call_output', output: [{ type: 'input_text', text: 'x'.repeat(400) }] },
      100,
    ],
    ['a summary', { type: 'reasoning', summary: [{ type: 'summary_text', text: 'x'.repeat(400) }] }, 100],
    ['encrypted reasoning', { type: 'reasoning', summary: [], encrypted_content: 'x'.repeat(4_000) }, 100],
    ['an image that was made', { type: 'image_generation_call', result: 'x'.repeat(9_999) }, 800],
  ])('%s', (_name, value, expected) => {
    expect(item(value)).toBe(expected);
  });

  test('instructions, tools and the schema', () => {
    expect(tokens({ instructions: 'x'.repeat(400) }) - tokens({})).toBe(100);
    expect(tokens({ tools: [{ type: 'function', name: 'f', parameters: { x: 'y'.repeat(400) } }] })).toBeGreaterThan(
      100,
    );
    expect(tokens({ text: { format: { type: 'json_schema', schema: { x: 'y'.repeat(400) } } } })).toBeGreaterThan(100);
  });
});

describe('errors are those of OpenAI', () => {
  test.each([
    ['no body', null, 'request_invalid', undefined, 'must be a JSON object'],
    ['no model', { input: 'x' }, 'parameter_missing', 'model', "Missing required parameter: 'model'."],
    ['no input', { model: 'm' }, 'parameter_missing', 'input', "Missing required parameter: 'input'."],
    ['input of another kind', { model: 'm', input: 5 }, 'request_invalid', 'input', 'expected a string or an array'],
    ['an item of another kind', { model: 'm', input: ['x'] }, 'request_invalid', 'input', 'an array of input items'],
    ['a limit below one', { model: 'm', input: 'x', max_output_tokens: 0 }, 'request_invalid', 'max_output_tokens', ''],
    ['a conversation of another kind', { model: 'm', conversation: 5 }, 'request_invalid', 'conversation', 'an id'],
    [
      'an earlier response and a conversation',
      { model: 'm', input: 'x', previous_response_id: 'resp_1', conversation: 'conv_1' },
      'request_invalid',
      'previous_response_id',
      'Mutually exclusive',
    ],
  ])('%s', (_name, body, code, param, words) => {
    const failure = readResponsesRequest(body) as unknown as Record<string, string>;
    expect(failure).toMatchObject({ code, ...(param === undefined ? {} : { param }) });
    expect(failure.message).toContain(words);
  });
});
