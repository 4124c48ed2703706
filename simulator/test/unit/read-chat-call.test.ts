import { describe, expect, test } from 'vitest';
import { readChatRequest } from '../../../src/protocols/openai-chat/request/read-request.ts';
import { readChatCall } from '../../src/dialects/openai-chat/read-call.ts';
import { RefusalError } from '../../src/engine/refusal.ts';

const TARGET = { path: '/v1/chat/completions', query: {} };

const messages = [{ role: 'user', content: 'hello' }];
const weather = { type: 'function', function: { name: 'get_weather', parameters: { type: 'object' } } };
const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } };
const file = { type: 'file', file: { file_data: 'x'.repeat(400), filename: 'a.pdf' } };
const assistantCall = { id: 'c1', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Ulm"}' } };

const read = (more: object) => readChatCall({ model: 'gpt-4o', messages, ...more }).call;

function refusalOf(body: unknown) {
  try {
    readChatCall(body);
  } catch (error) {
    if (error instanceof RefusalError) return error.refusal;
    throw error;
  }
  return null;
}

describe('prompt tokens', () => {
  test.each([
    ['text', {}],
    ['an image', { messages: [{ role: 'user', content: [{ type: 'text', text: 'see' }, image] }] }],
    ['a document', { messages: [{ role: 'user', content: [file] }] }],
    ['tools', { tools: [weather] }],
    ['functions of old', { functions: [{ name: 'f' }] }],
    ['earlier tool calls', { messages: [...messages, { role: 'assistant', tool_calls: [assistantCall] }] }],
  ])('of %s equal the broker’s estimate', (_, more) => {
    const body = { model: 'gpt-4o', messages, ...more };
    const facts = readChatRequest(body, TARGET);
    expect(read(more).promptTokens).toBe('estimatedInputTokens' in facts && facts.estimatedInputTokens);
  });
});

describe('a conversation', () => {
  test('is the same with texts and with lists of parts', () => {
    const parts = [{ role: 'user', content: [{ type: 'text', text: 'hello' }] }];
    expect(read({ messages: parts }).promptText).toBe(read({}).promptText);
  });

  test('counts developer instructions as system messages', () => {
    const under = (role: string) => read({ messages: [{ role, content: 'Be brief.' }, ...messages] }).promptText;
    expect(under('developer')).toBe(under('system'));
  });

  test('searches the last user text for commands', () => {
    const turns = [{ role: 'user', content: 'first' }, { role: 'assistant', content: 'yes' }, ...messages];
    expect(read({ messages: turns })).toMatchObject({
      lastUserText: 'hello',
      prefill: null,
      endsWithToolResult: false,
    });
  });

  test('is continued if it ends with the assistant, and is the same prompt as without that', () => {
    const call = read({ messages: [...messages, { role: 'assistant', content: 'It beg' }] });
    expect(call.prefill).toBe('It beg');
    expect(call.promptText).toBe(read({}).promptText);
  });

  test('does not depend on the ids of tool calls', () => {
    const withId = (id: string) =>
      read({
        messages: [
          ...messages,
          { role: 'assistant', tool_calls: [{ ...assistantCall, id }] },
          { role: 'tool', tool_call_id: id, content: 'sunny' },
        ],
      });
    expect(withId('a').promptText).toBe(withId('b').promptText);
    expect(withId('a').endsWithToolResult).toBe(true);
  });
});

describe('parameters', () => {
  test('are read if the engine needs them', () => {
    expect(
      read({
        stream: true,
        max_completion_tokens: 9,
        n: 2,
        stop: 'END',
        seed: 4,
        tools: [weather],
        tool_choice: { type: 'function', function: { name: 'get_weather' } },
        parallel_tool_calls: false,
        response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { const: 1 } } },
      }),
    ).toMatchObject({
      isStream: true,
      maxOutputTokens: 9,
      choices: 2,
      stop: ['END'],
      seed: 4,
      toolChoice: { mode: 'required', allowed: ['get_weather'] },
      isToolUseParallel: false,
      format: { kind: 'schema', schema: { const: 1 } },
    });
  });

  test('are absent if null', () => {
    expect(read({ stream: null, max_tokens: null, n: null, stop: null, tools: null, tool_choice: null })).toMatchObject(
      {
        isStream: false,
        maxOutputTokens: null,
        choices: 1,
      },
    );
  });

  test('are restricted to the allowed tools', () => {
    const choice = { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [weather] } };
    expect(read({ tools: [weather], tool_choice: choice }).toolChoice).toEqual({
      mode: 'auto',
      allowed: ['get_weather'],
    });
  });
});

describe('what the provider refuses', () => {
  test.each([
    ['a body that is no object', [], null, null],
    ['no model', { messages }, null, null],
    ['no messages', { model: 'm' }, 'messages', 'missing_required_parameter'],
    ['empty messages', { model: 'm', messages: [] }, 'messages', 'empty_array'],
    ['a message without a role', { model: 'm', messages: [{}] }, 'messages[0].role', 'missing_required_parameter'],
    ['an unknown role', { model: 'm', messages: [{ role: 'bot' }] }, 'messages[0].role', 'invalid_value'],
    ['stream options without a stream', { model: 'm', messages, stream_options: {} }, 'stream_options', null],
    ['a stream that is no boolean', { model: 'm', messages, stream: 1 }, 'stream', 'invalid_type'],
    ['no tokens at all', { model: 'm', messages, max_tokens: 0 }, 'max_tokens', 'integer_below_min_value'],
    ['two limits', { model: 'm', messages, max_tokens: 1, max_completion_tokens: 1 }, 'max_tokens', null],
    ['too many choices', { model: 'm', messages, n: 129 }, 'n', 'integer_above_max_value'],
    ['five stop sequences', { model: 'm', messages, stop: ['', '', '', '', ''] }, 'stop', 'invalid_type'],
    [
      'a tool without a name',
      { model: 'm', messages, tools: [{ type: 'function', function: {} }] },
      'tools[0].function.name',
      'missing_required_parameter',
    ],
    ['a choice without tools', { model: 'm', messages, tool_choice: 'auto' }, 'tool_choice', null],
    [
      'a format nobody knows',
      { model: 'm', messages, response_format: { type: 'xml' } },
      'response_format.type',
      'invalid_value',
    ],
  ])('%s', (_, body, param, code) => {
    expect(refusalOf(body)).toMatchObject({ kind: 'invalid', message: expect.stringMatching(/.{10}/), param, code });
  });
});
