// Symptom: a translated request lost what had a wrong type: `text: 5` became an empty text, `stop_sequences: "x"` and
// `thinking: "high"` had no effect. Cause: the decoder read such members as absent. Fix: request/check-values.ts.
import { expect, test } from 'vitest';
import { decodeMessagesRequest } from '#src/protocols/anthropic-messages/request/decode-request.ts';

const body = (members: object) => ({
  model: 'm',
  max_tokens: 10,
  messages: [{ role: 'user', content: 'hi' }],
  ...members,
});
const block = (content: object) => body({ messages: [{ role: 'user', content: [content] }] });
const at = 'messages.0.content.0';

test.each<[string, object, string]>([
  ['a text that is a number', block({ type: 'text', text: 5 }), `${at}.text: Input should be a valid string`],
  ['a text block without text', block({ type: 'text' }), `${at}.text: Field required`],
  ['a call without id', block({ type: 'tool_use', name: 'f', input: {} }), `${at}.id: Field required`],
  [
    'arguments that are a text',
    block({ type: 'tool_use', id: 'a', name: 'f', input: '{}' }),
    `${at}.input: Input should be a valid dictionary`,
  ],
  ['a result of no call', block({ type: 'tool_result', content: 'x' }), `${at}.tool_use_id: Field required`],
  [
    'a result that is an object',
    block({ type: 'tool_result', tool_use_id: 'a', content: { a: 1 } }),
    `${at}.content: Input should be a valid string or list`,
  ],
  [
    'a text within a result',
    block({ type: 'tool_result', tool_use_id: 'a', content: [{ type: 'text', text: {} }] }),
    `${at}.content.0.text: Input should be a valid string`,
  ],
  [
    'an image without its media type',
    block({ type: 'image', source: { type: 'base64', data: 'AA==' } }),
    `${at}.source.media_type: Field required`,
  ],
  ['an image without source', block({ type: 'image', source: null }), `${at}.source: Field required`],
  ['a thought of no text', block({ type: 'thinking', thinking: 1 }), `${at}.thinking: Input should be a valid string`],
  [
    'a system text that is a number',
    body({ system: [{ type: 'text', text: 1 }] }),
    'system.0.text: Input should be a valid string',
  ],
  ['one stop sequence', body({ stop_sequences: 'x' }), 'stop_sequences: Input should be a valid list of strings'],
  ['no stop sequence', body({ stop_sequences: [null] }), 'stop_sequences: Input should be a valid list of strings'],
  ['a temperature in words', body({ temperature: 'hot' }), 'temperature: Input should be a valid number'],
  ['thinking in words', body({ thinking: 'high' }), 'thinking: Input should be a valid dictionary'],
  [
    'a budget in words',
    body({ thinking: { type: 'enabled', budget_tokens: 'x' } }),
    'thinking.budget_tokens: Input should be a valid number',
  ],
  ['an effort of 5', body({ output_config: { effort: 5 } }), 'output_config.effort: Input should be a valid string'],
  [
    'a schema in words',
    body({ output_config: { format: { type: 'json_schema', schema: 'x' } } }),
    'output_config.format.schema: Input should be a valid dictionary',
  ],
  ['tools that are no list', body({ tools: {} }), 'tools: Input should be a valid list'],
  ['a tool that is none', body({ tools: [5] }), 'tools.0: Input should be a valid dictionary'],
  [
    'a schema of a tool in words',
    body({ tools: [{ name: 'f', input_schema: 'x' }] }),
    'tools.0.input_schema: Input should be a valid dictionary',
  ],
  ['a choice in a word', body({ tool_choice: 'auto' }), 'tool_choice: Input should be a valid dictionary'],
  ['a choice of no tool', body({ tool_choice: { type: 'tool' } }), 'tool_choice.name: Field required'],
  ['metadata in words', body({ metadata: 'x' }), 'metadata: Input should be a valid dictionary'],
  ['a user that is a number', body({ metadata: { user_id: 5 } }), 'metadata.user_id: Input should be a valid string'],
])('%s is refused with its place', (_name, request, message) => {
  expect(decodeMessagesRequest(request as never)).toMatchObject({ code: 'request_invalid', message });
});

test('null is absent', () => {
  const nulls = { system: null, stop_sequences: null, tools: null, thinking: null, metadata: { user_id: null } };
  expect(decodeMessagesRequest(body(nulls) as never)).toMatchObject({ tools: [] });
});
