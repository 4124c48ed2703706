import { describe, expect, test } from 'vitest';
import { checkBodyNames } from '#src/protocols/bounds/request-names.ts';

const long = 'x'.repeat(100_000);
const call = (id: unknown, name: unknown) => ({ role: 'assistant', tool_calls: [{ id, function: { name } }] });
const pairs = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, 'v']));

describe('names that are refused', () => {
  test.each<[string, string, unknown, string]>([
    ['a model of 100 KB', 'openai-chat', { model: long }, 'model'],
    ['a model with NUL', 'openai-chat', { model: 'a\u0000b' }, 'model'],
    ['a model with an escape character', 'anthropic-messages', { model: 'a\u001b[2J' }, 'model'],
    ['half a character', 'openai-chat', { model: 'a\ud800' }, 'model'],
    ['an alternative model', 'openai-chat', { models: ['a', long] }, 'models.1'],
    ['a tool', 'openai-chat', { tools: [{ function: { name: long } }] }, 'tools.0.function.name'],
    ['a called tool', 'openai-chat', { messages: [call('1', 'f\n')] }, 'messages.0.tool_calls.0.function.name'],
    ['a call id', 'openai-chat', { messages: [{}, call('1\u0000', 'f')] }, 'messages.1.tool_calls.0.id'],
    ['a user', 'openai-embeddings', { user: 'a\u0000' }, 'user'],
    ['an item', 'openai-responses', { input: [{ type: 'item_reference', id: 'msg\u0000' }] }, 'input.0.id'],
    ['a conversation', 'openai-responses', { conversation: { id: long } }, 'conversation.id'],
    ['the response before', 'openai-responses', { previous_response_id: 'r\u0007' }, 'previous_response_id'],
    ['a tool of a namespace', 'openai-responses', { tools: [{ tools: [{ name: long }] }] }, 'tools.0.tools.0.name'],
    ['a tool of Anthropic', 'anthropic-messages', { tools: [{ name: long }] }, 'tools.0.name'],
    ['a user of Anthropic', 'anthropic-count-tokens', { metadata: { user_id: 'a\u0000' } }, 'metadata.user_id'],
    [
      'a tool of Gemini',
      'gemini-generate-content',
      { tools: [{ functionDeclarations: [{ name: long }] }] },
      'tools.0.functionDeclarations.0.name',
    ],
    ['too many pairs of metadata', 'openai-responses', { metadata: pairs(17) }, 'metadata'],
    ['a key of metadata', 'openai-chat', { metadata: { [long]: 'v' } }, 'metadata'],
    ['a value of metadata', 'openai-chat', { metadata: { k: long } }, 'metadata.k'],
    ['NUL in metadata', 'openai-chat', { metadata: { k: 'a\u0000' } }, 'metadata.k'],
  ])('%s', (_name, protocol, body, param) => {
    expect(checkBodyNames(protocol, body)).toMatchObject({ code: 'request_invalid', param });
  });
});

describe('names left to the protocol', () => {
  test.each<[string, string, unknown]>([
    ['no object', 'openai-chat', null],
    ['a list', 'openai-chat', []],
    ['names that are no texts', 'openai-chat', { model: 7, tools: [null, { function: 'f' }], messages: 'hi' }],
    ['texts of any length', 'openai-chat', { model: 'm', messages: [{ role: 'user', content: `${long}\u0000` }] }],
    ['letters of every language', 'openai-chat', { model: 'modèle-模型' }],
    ['a call id with a signature in it', 'openai-chat', { messages: [call('c'.repeat(20_000), 'f')] }],
    ['as much metadata as OpenAI takes', 'openai-responses', { metadata: pairs(16) }],
    ['a protocol without names', 'another', { model: long }],
  ])('%s', (_name, protocol, body) => {
    expect(checkBodyNames(protocol, body)).toBeNull();
  });
});
