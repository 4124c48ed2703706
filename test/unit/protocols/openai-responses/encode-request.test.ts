import { describe, expect, test } from 'vitest';
import type { InferenceRequest, Part, Turn } from '#src/contracts/inference-request.ts';
import { encodeResponsesRequest } from '#src/protocols/openai-responses/request/encode-request.ts';

const encode = (request: Partial<InferenceRequest>, upstreamModel = 'some-model') => {
  const whole: InferenceRequest = { turns: [], tools: [], sampling: {}, unmapped: {}, ...request };
  return encodeResponsesRequest(whole, { upstreamModel, isStream: false, canReportStreamUsage: true });
};
const bodyOf = (request: Partial<InferenceRequest>, model?: string) => {
  const encoded = encode(request, model);
  if (encoded.kind === 'refusal') throw new Error(encoded.reason);
  return encoded.body;
};
const itemsOf = (...turns: Turn[]) => bodyOf({ turns }).input;
const text = (words: string): Part => ({ kind: 'text', text: words });
const tool = { kind: 'function', name: 'f' } as const;
const NO_PARAMETERS = { type: 'object', properties: {}, additionalProperties: false };

test('a minimal request is stateless and requests encrypted reasoning', () => {
  expect(bodyOf({})).toEqual({
    model: 'some-model',
    input: [],
    include: ['reasoning.encrypted_content'],
    store: false,
  });
});

test('a stream is requested', () => {
  const request = { turns: [], tools: [], sampling: {}, unmapped: {} };
  const input = { upstreamModel: 'm', isStream: true, canReportStreamUsage: true };
  expect(encodeResponsesRequest(request, input)).toMatchObject({ body: { stream: true } });
});

describe('settings', () => {
  test.each<[string, Partial<InferenceRequest>, object]>([
    ['output limit', { maxOutputTokens: 9 }, { max_output_tokens: 9 }],
    ['sampling', { sampling: { temperature: 0.5, topP: 0.9 } }, { temperature: 0.5, top_p: 0.9 }],
    ['text', { output: { kind: 'text' } }, { text: { format: { type: 'text' } } }],
    ['JSON', { output: { kind: 'json' } }, { text: { format: { type: 'json_object' } } }],
    [
      'a JSON schema',
      { output: { kind: 'json-schema', name: 'n', schema: { a: 1 }, isStrict: true, description: 'd' } },
      { text: { format: { type: 'json_schema', name: 'n', schema: { a: 1 }, strict: true, description: 'd' } } },
    ],
    [
      'a JSON schema without a name',
      { output: { kind: 'json-schema', schema: { a: 1 } } },
      { text: { format: { type: 'json_schema', name: 'answer', schema: { a: 1 } } } },
    ],
    ['verbosity', { verbosity: 'low' }, { text: { verbosity: 'low' } }],
    ['effort', { reasoning: { effort: 'high' } }, { reasoning: { effort: 'high' } }],
    ['shown reasoning', { reasoning: { isShown: true } }, { reasoning: { summary: 'auto' } }],
    ['a large budget', { reasoning: { budgetTokens: 30_000 } }, { reasoning: { effort: 'high' } }],
    ['no budget', { reasoning: { budgetTokens: 0 } }, { reasoning: { effort: 'none' } }],
    ['the end user', { endUser: 'u' }, { safety_identifier: 'u' }],
    ['metadata', { metadata: { a: 'b' } }, { metadata: { a: 'b' } }],
    ['the tier', { serviceTier: 'flex' }, { service_tier: 'flex' }],
    [
      'log probabilities',
      { logProbabilities: 3 },
      { top_logprobs: 3, include: ['reasoning.encrypted_content', 'message.output_text.logprobs'] },
    ],
    [
      'web search',
      { webSearch: { contextSize: 'low' } },
      { tools: [{ type: 'web_search', search_context_size: 'low' }] },
    ],
    ['images wanted', { modalities: ['text', 'image'] }, { tools: [{ type: 'image_generation' }] }],
  ])('%s', (_name, request, expected) => {
    const encoded = encode(request);
    expect(encoded).toMatchObject({ kind: 'request', dropped: [], body: expected });
  });

  test('hidden reasoning alone adds nothing', () => {
    expect(bodyOf({ reasoning: { isShown: false } })).not.toHaveProperty('reasoning');
  });
});

describe('members that a model refuses are dropped and named', () => {
  const request: Partial<InferenceRequest> = {
    sampling: { temperature: 1, topP: 1 },
    logProbabilities: 0,
    reasoning: { effort: 'none', isShown: true },
    verbosity: 'low',
  };
  test.each([
    ['gpt-4o-2024-11-20', ['reasoning', 'verbosity']],
    ['openai/gpt-4.1', ['reasoning', 'verbosity']],
    ['gpt-5-mini', ['temperature', 'topP', 'logProbabilities']],
    ['o4-mini', ['verbosity', 'temperature', 'topP', 'logProbabilities']],
    ['gpt-5.1', []],
    ['deepseek-v4', []],
  ])('%s', (model, dropped) => {
    expect(encode(request, model)).toMatchObject({ kind: 'request', dropped });
  });

  test('a model that does not reason is not asked for reasoning', () => {
    expect(bodyOf({}, 'gpt-4o')).not.toHaveProperty('include');
  });

  test('an unknown effort becomes the nearest known one', () => {
    expect(bodyOf({ reasoning: { effort: 'max' } }, 'gpt-5')).toMatchObject({ reasoning: { effort: 'high' } });
    expect(bodyOf({ reasoning: { effort: 'none' } }, 'o3')).toMatchObject({ reasoning: { effort: 'low' } });
  });
});

test('hints that the API does not have are dropped and named', () => {
  const sampling = { topK: 1, seed: 1, presencePenalty: 1, frequencyPenalty: 1 };
  const request = { sampling, logitBias: { 1: 5 }, speech: { voice: 'x' }, image: { aspectRatio: '1:1' } };
  expect(encode(request)).toMatchObject({
    dropped: ['topK', 'seed', 'presencePenalty', 'frequencyPenalty', 'logitBias', 'speech', 'image'],
  });
});

describe('members that would change the answer are refused', () => {
  test.each<[string, Partial<InferenceRequest>, string]>([
    ['stop sequences', { stop: ['END'] }, 'stop'],
    ['several answers', { choices: 2 }, 'choices'],
    ['spoken answers', { modalities: ['audio'] }, 'modalities'],
  ])('%s', (_name, request, field) => {
    expect(encode(request)).toMatchObject({ kind: 'refusal', field });
  });

  test('but not if they request nothing', () => {
    expect(encode({ stop: [], choices: 1, modalities: ['text'] })).toMatchObject({ kind: 'request', dropped: [] });
  });
});

describe('tools', () => {
  test.each<[InferenceRequest['tools'][number], object]>([
    [tool, { type: 'function', name: 'f', parameters: NO_PARAMETERS, strict: false }],
    [
      { ...tool, description: 'd', parameters: { a: 1 }, isStrict: true },
      { type: 'function', name: 'f', description: 'd', parameters: { a: 1 }, strict: true },
    ],
    [
      { kind: 'custom', name: 'c' },
      { type: 'custom', name: 'c' },
    ],
    [
      { kind: 'custom', name: 'c', format: { type: 'grammar', grammar: { syntax: 'lark', definition: 'x' } } },
      { type: 'custom', name: 'c', format: { type: 'grammar', syntax: 'lark', definition: 'x' } },
    ],
  ])('%j', (definition, expected) => {
    expect(bodyOf({ tools: [definition] }).tools).toEqual([expected]);
  });

  test.each<[InferenceRequest['toolChoice'], unknown]>([
    [{ kind: 'auto' }, 'auto'],
    [{ kind: 'none' }, 'none'],
    [{ kind: 'required' }, 'required'],
    [
      { kind: 'tool', name: 'f' },
      { type: 'function', name: 'f' },
    ],
    [
      { kind: 'tool', name: 'c' },
      { type: 'custom', name: 'c' },
    ],
    [
      { kind: 'allowed', tools: [{ name: 'f' }, { name: 'c' }], isRequired: false },
      {
        type: 'allowed_tools',
        mode: 'auto',
        tools: [
          { type: 'function', name: 'f' },
          { type: 'custom', name: 'c' },
        ],
      },
    ],
  ])('choice %j', (toolChoice, expected) => {
    const tools = [tool, { kind: 'custom', name: 'c' } as const];
    expect(bodyOf({ tools, toolChoice: toolChoice!, allowsParallelToolCalls: false })).toMatchObject({
      tool_choice: expected,
      parallel_tool_calls: false,
    });
  });

  test('without tools there is no choice', () => {
    const body = bodyOf({ toolChoice: { kind: 'auto' }, allowsParallelToolCalls: true });
    expect(Object.keys(body)).not.toEqual(expect.arrayContaining(['tool_choice']));
    expect(body).not.toHaveProperty('parallel_tool_calls');
  });
});

describe('parts of a user', () => {
  test.each<[string, Part, object]>([
    ['text', { kind: 'text', text: 'a', cacheBreakpoint: {} }, { type: 'input_text', text: 'a' }],
    [
      'an image by URL',
      { kind: 'image', source: { kind: 'url', url: 'u' }, detail: 'low' },
      { type: 'input_image', image_url: 'u', detail: 'low' },
    ],
    [
      'an image',
      { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AAAA' } },
      { type: 'input_image', image_url: 'data:image/png;base64,AAAA', detail: 'auto' },
    ],
    [
      'an image by id',
      { kind: 'image', source: { kind: 'file-id', id: 'x' } },
      { type: 'input_image', file_id: 'x', detail: 'auto' },
    ],
    [
      'a document',
      { kind: 'document', filename: 'a.pdf', source: { kind: 'base64', mediaType: 'application/pdf', data: 'AAAA' } },
      { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,AAAA' },
    ],
    [
      'a document without a name',
      { kind: 'document', source: { kind: 'base64', mediaType: 'text/plain', data: 'AAAA' } },
      { type: 'input_file', filename: 'document.txt', file_data: 'data:text/plain;base64,AAAA' },
    ],
    [
      'a document by URL',
      { kind: 'document', source: { kind: 'url', url: 'u' } },
      { type: 'input_file', file_url: 'u' },
    ],
    [
      'a document by id',
      { kind: 'document', source: { kind: 'file-id', id: 'x' } },
      { type: 'input_file', file_id: 'x' },
    ],
    [
      'a document of text',
      { kind: 'document', source: { kind: 'text', text: 'a' } },
      { type: 'input_text', text: 'a' },
    ],
    [
      'audio',
      { kind: 'audio', format: 'wav', data: 'AAAA' },
      { type: 'input_audio', input_audio: { format: 'wav', data: 'AAAA' } },
    ],
  ])('%s', (_name, part, expected) => {
    expect(itemsOf({ role: 'user', parts: [text('q'), part] })).toEqual([
      { role: 'user', content: [{ type: 'input_text', text: 'q' }, expected] },
    ]);
  });
});

describe('turns', () => {
  test('keep their roles and places', () => {
    const turns = (['system', 'user', 'developer'] as const).map((role) => ({ role, parts: [text(role)] }));
    expect(itemsOf(...turns)).toEqual(turns.map(({ role }) => ({ role, content: role })));
  });

  test('of the assistant: reasoning with its own signature, text, refusals, calls, in order', () => {
    const parts: Part[] = [
      { kind: 'reasoning', id: 'rs_1', text: 'r', signature: { origin: 'openai-responses', value: 'gAAA' } },
      { kind: 'reasoning', text: '', signature: { origin: 'openai-responses', value: 'gBBB' } },
      { kind: 'reasoning', text: 'x', signature: { origin: 'anthropic-messages', value: 's' } },
      { kind: 'reasoning', text: 'y' },
      text('a'),
      text(''),
      { kind: 'refusal', text: 'no' },
      { kind: 'tool-call', id: 'c1', name: 'f', arguments: '' },
      { kind: 'tool-call', id: 'c2', name: 'g', arguments: 'free', isCustom: true },
    ];
    expect(itemsOf({ role: 'assistant', parts })).toEqual([
      { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'r' }], encrypted_content: 'gAAA' },
      { type: 'reasoning', summary: [], encrypted_content: 'gBBB' },
      { role: 'assistant', content: 'a' },
      { role: 'assistant', content: 'no' },
      { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' },
      { type: 'custom_tool_call', call_id: 'c2', name: 'g', input: 'free' },
    ]);
  });

  test('an image by the assistant moves to a user message', () => {
    const image: Part = { kind: 'image', source: { kind: 'url', url: 'u' } };
    expect(itemsOf({ role: 'assistant', parts: [text('a'), image] })).toEqual([
      { role: 'assistant', content: 'a' },
      { role: 'user', content: [{ type: 'input_image', image_url: 'u', detail: 'auto' }] },
    ]);
  });

  test('results become outputs of the kind of their call, followed by the user’s additions', () => {
    const image: Part = { kind: 'image', source: { kind: 'url', url: 'u' } };
    const calls: Part[] = [
      { kind: 'tool-call', id: 'c1', name: 'f', arguments: '{}' },
      { kind: 'tool-call', id: 'c2', name: 'g', arguments: 'x', isCustom: true },
    ];
    const results: Part[] = [
      { kind: 'tool-result', callId: 'c1', parts: [{ kind: 'text', text: 'one' }, image] },
      { kind: 'tool-result', callId: 'c2', parts: [{ kind: 'text', text: 'two' }] },
      { kind: 'tool-result', callId: 'c3', parts: [] },
      text('and now?'),
    ];
    const items = itemsOf({ role: 'assistant', parts: calls }, { role: 'user', parts: results }) as object[];
    expect(items.slice(2)).toEqual([
      {
        type: 'function_call_output',
        call_id: 'c1',
        output: [
          { type: 'input_text', text: 'one' },
          { type: 'input_image', image_url: 'u', detail: 'auto' },
        ],
      },
      { type: 'custom_tool_call_output', call_id: 'c2', output: 'two' },
      { type: 'function_call_output', call_id: 'c3', output: '' },
      { role: 'user', content: 'and now?' },
    ]);
  });
});
