import { describe, expect, test } from 'vitest';
import { isFailure } from '#src/contracts/failure.ts';
import type { InferenceRequest } from '#src/contracts/inference-request.ts';
import { writeSignature } from '#src/protocols/anthropic-messages/foreign-thoughts.ts';
import { messagesClientCodec } from '#src/protocols/anthropic-messages/protocol.ts';
import { wrapSignature } from '#src/protocols/translate/signatures.ts';

const least = { model: 'm', max_tokens: 5, messages: [{ role: 'user', content: 'Hi' }] };

function decode(more: object): InferenceRequest {
  const request = messagesClientCodec.decodeRequest({ ...least, ...more });
  if (isFailure(request)) throw new Error(request.message);
  return request;
}

/** Parts of an assistant turn with these blocks. */
const partsOf = (...content: object[]) =>
  decode({ messages: [{ role: 'assistant', content }] }).turns.flatMap(({ parts }) => parts);

test('a minimal request', () => {
  expect(decode({})).toEqual({
    turns: [{ role: 'user', parts: [{ kind: 'text', text: 'Hi' }] }],
    tools: [],
    sampling: {},
    maxOutputTokens: 5,
    unmapped: {},
  });
});

describe('members', () => {
  const schema = { type: 'object', properties: {} };
  const tool = {
    name: 'f',
    description: 'd',
    input_schema: schema,
    strict: true,
    cache_control: { type: 'ephemeral' },
  };

  test.each<[string, object, Partial<InferenceRequest>]>([
    [
      'temperature, top_p, top_k',
      { temperature: 0, top_p: 0.5, top_k: 3 },
      { sampling: { temperature: 0, topP: 0.5, topK: 3 } },
    ],
    ['stop_sequences', { stop_sequences: ['a'] }, { stop: ['a'] }],
    ['metadata.user_id', { metadata: { user_id: 'u' } }, { endUser: 'u' }],
    ['service_tier auto', { service_tier: 'auto' }, { serviceTier: 'auto' }],
    ['service_tier standard_only', { service_tier: 'standard_only' }, { serviceTier: 'default' }],
    [
      'output_config.format',
      { output_config: { format: { type: 'json_schema', schema } } },
      { output: { kind: 'json-schema', schema, isStrict: true } },
    ],
    ['extra_body', { extra_body: { x: 1 } }, { extraBody: { x: 1 } }],
    [
      'tools',
      { tools: [tool, { type: 'custom', name: 'g', input_schema: schema }] },
      {
        tools: [
          { kind: 'function', name: 'f', description: 'd', parameters: schema, isStrict: true },
          { kind: 'function', name: 'g', parameters: schema },
        ],
      },
    ],
    ['the web search tool', { tools: [{ type: 'web_search_20260318', name: 'web_search' }] }, { webSearch: {} }],
    ['tool_choice auto', { tool_choice: { type: 'auto' } }, { toolChoice: { kind: 'auto' } }],
    ['tool_choice none', { tool_choice: { type: 'none' } }, { toolChoice: { kind: 'none' } }],
    ['tool_choice any', { tool_choice: { type: 'any' } }, { toolChoice: { kind: 'required' } }],
    ['tool_choice tool', { tool_choice: { type: 'tool', name: 'f' } }, { toolChoice: { kind: 'tool', name: 'f' } }],
    [
      'disable_parallel_tool_use',
      { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
      { allowsParallelToolCalls: false },
    ],
    ['thinking disabled', { thinking: { type: 'disabled' } }, { reasoning: { effort: 'none' } }],
    [
      'thinking with a budget',
      { thinking: { type: 'enabled', budget_tokens: 2_000 } },
      { reasoning: { budgetTokens: 2_000, isShown: true } },
    ],
    [
      'adaptive thinking with an effort',
      { thinking: { type: 'adaptive', display: 'omitted' }, output_config: { effort: 'max' } },
      { reasoning: { effort: 'max', isShown: false } },
    ],
    ['an effort alone', { output_config: { effort: 'low' } }, { reasoning: { effort: 'low' } }],
  ])('%s', (_name, more, expected) => {
    expect(decode(more)).toMatchObject({ ...expected, unmapped: {} });
  });

  test('members that no other protocol has are named', () => {
    const more = {
      container: 'c',
      mcp_servers: [],
      inference_geo: 'eu',
      speed: null,
      thinking: { type: 'between_tools' },
      tools: [{ type: 'code_execution_20260120', name: 'code_execution' }],
    };
    expect(Object.keys(decode(more).unmapped)).toEqual([
      'container',
      'mcp_servers',
      'inference_geo',
      'tools.code_execution_20260120',
      'thinking.type',
    ]);
  });
});

describe('turns', () => {
  test('the system prompt comes first, a system message keeps its place', () => {
    const system = [{ type: 'text', text: 'S', cache_control: { type: 'ephemeral', ttl: '1h' } }];
    const messages = [...least.messages, { role: 'system', content: 'later' }];
    expect(decode({ system, messages }).turns).toEqual([
      { role: 'system', parts: [{ kind: 'text', text: 'S', cacheBreakpoint: { ttlSeconds: 3_600 } }] },
      { role: 'user', parts: [{ kind: 'text', text: 'Hi' }] },
      { role: 'system', parts: [{ kind: 'text', text: 'later' }] },
    ]);
  });

  test.each<[string, object, object]>([
    [
      'an image in base64',
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } },
      { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA==' } },
    ],
    [
      'an image by its address',
      { type: 'image', source: { type: 'url', url: 'https://a' } },
      { kind: 'image', source: { kind: 'url', url: 'https://a' } },
    ],
    [
      'a file',
      { type: 'document', source: { type: 'file', file_id: 'file_1' }, title: 't' },
      { kind: 'document', source: { kind: 'file-id', id: 'file_1' }, filename: 't' },
    ],
    [
      'a text document',
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } },
      { kind: 'document', source: { kind: 'text', text: 'x' } },
    ],
    [
      'a document of blocks',
      {
        type: 'document',
        source: {
          type: 'content',
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ],
        },
      },
      { kind: 'document', source: { kind: 'text', text: 'a\nb' } },
    ],
    [
      'a search result',
      { type: 'search_result', title: 'T', source: 'https://a', content: [{ type: 'text', text: 'x' }] },
      { kind: 'text', text: 'T (https://a)\nx' },
    ],
    [
      'a tool call',
      { type: 'tool_use', id: 'functions_x2e_f_x3a_0', name: 'f', input: { a: 1 } },
      { kind: 'tool-call', id: 'functions.f:0', name: 'f', arguments: '{"a":1}' },
    ],
    [
      'a thought of Anthropic',
      { type: 'thinking', thinking: 'Hm.', signature: 'c2ln' },
      { kind: 'reasoning', text: 'Hm.', signature: { origin: 'anthropic-messages', value: 'c2ln' } },
    ],
    [
      'a redacted thought',
      { type: 'redacted_thinking', data: 'c2ln' },
      { kind: 'reasoning', text: '', isRedacted: true, signature: { origin: 'anthropic-messages', value: 'c2ln' } },
    ],
    [
      'a thought of another provider',
      { type: 'thinking', thinking: '', signature: wrapSignature({ origin: 'openai-responses', value: 'x' }) },
      { kind: 'reasoning', text: '', signature: { origin: 'openai-responses', value: 'x' } },
    ],
    [
      'a thought that nobody signed',
      { type: 'thinking', thinking: 'Hm.', signature: writeSignature(undefined) },
      { kind: 'reasoning', text: 'Hm.' },
    ],
  ])('%s', (_name, block, part) => {
    expect(partsOf(block)).toEqual([part]);
  });

  test('the result of a tool has the name of its tool', () => {
    const messages = [
      { role: 'assistant', content: [{ type: 'tool_use', id: 'a:1', name: 'f', input: {} }] },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'a:1', content: 'x', is_error: true },
          { type: 'tool_result', tool_use_id: 'b' },
        ],
      },
    ];
    expect(decode({ messages }).turns[1]!.parts).toEqual([
      { kind: 'tool-result', callId: 'a:1', name: 'f', parts: [{ kind: 'text', text: 'x' }], isError: true },
      { kind: 'tool-result', callId: 'b', parts: [] },
    ]);
  });

  test('a signature of Gemini is attached to its call or text', () => {
    const signature = { origin: 'gemini-generate-content' as const, value: 'c2ln' };
    const carrier = { type: 'thinking', thinking: '', signature: wrapSignature(signature) };
    const text = { type: 'text', text: 'x' };
    const call = { type: 'tool_use', id: '1', name: 'f', input: {} };
    expect(partsOf(text, carrier, call)).toEqual([
      { kind: 'text', text: 'x' },
      { kind: 'tool-call', id: '1', name: 'f', arguments: '{}', signature },
    ]);
    expect(partsOf(text, carrier)).toEqual([{ kind: 'text', text: 'x', signature }]);
    expect(partsOf(carrier)).toEqual([{ kind: 'reasoning', text: '', signature }]);
  });

  test('calls of server tools are left out and named', () => {
    const { turns, unmapped } = decode({
      messages: [
        {
          role: 'assistant',
          content: [
            { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
            { type: 'web_search_tool_result', tool_use_id: 's', content: [] },
            { type: 'text', text: 'x' },
          ],
        },
      ],
    });
    expect(turns[0]!.parts).toEqual([{ kind: 'text', text: 'x' }]);
    expect(Object.keys(unmapped)).toEqual(['messages.server_tool_use', 'messages.web_search_tool_result']);
  });
});

describe('invalid requests', () => {
  const message = (content: unknown, role = 'user') => ({ messages: [{ role, content }] });
  test.each<[string, object, string]>([
    ['a role', message('x', 'tool'), 'messages.0.role'],
    ['content', message(7), 'messages.0.content'],
    ['a block that is a text', message(['x']), 'messages.0.content.0.type'],
    ['a block of an unknown type', message([{ type: 'hologram' }]), 'messages.0.content.0.type'],
    ['a source', message([{ type: 'image', source: { type: 'ftp' } }]), 'messages.0.content.0.source.type'],
    ['a tool without a name', { tools: [{}] }, 'tools.0.name'],
    ['a choice', { tool_choice: { type: 'maybe' } }, 'tool_choice.type'],
  ])('%s', (_name, more, param) => {
    expect(messagesClientCodec.decodeRequest({ ...least, ...more })).toMatchObject({
      code: 'request_invalid',
      param,
      message: expect.stringContaining(param),
    });
  });
});
