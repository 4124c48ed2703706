import { describe, expect, test } from 'vitest';
import type { InferenceRequest } from '#src/contracts/inference-request.ts';
import type { EncodedRequest, JsonObject } from '#src/protocols/codec.ts';
import { decodeChatRequest } from '#src/protocols/openai-chat/request/decode-request.ts';
import { encodeChatRequest } from '#src/protocols/openai-chat/request/encode-request.ts';
import { fixtures } from '#test/fixtures/protocols/openai-chat.ts';

const BARE: InferenceRequest = {
  turns: [{ role: 'user', parts: [{ kind: 'text', text: 'Hi' }] }],
  tools: [],
  sampling: {},
  unmapped: {},
};
const input = { upstreamModel: 'llama-3', isStream: false, canReportStreamUsage: true };

const encode = (more: Partial<InferenceRequest>, upstreamModel = 'llama-3') =>
  encodeChatRequest({ ...BARE, ...more }, { ...input, upstreamModel }) as EncodedRequest;
const body = (more: Partial<InferenceRequest>, upstreamModel?: string) => {
  const { model: _, messages: __, ...members } = encode(more, upstreamModel).body;
  return members;
};

describe('a request to a chat provider', () => {
  test('has the provider’s model name, and requests usage in streams if supported', () => {
    const messages = [{ role: 'user', content: 'Hi' }];
    expect(encode({}).body).toEqual({ model: 'llama-3', messages });
    expect(encodeChatRequest(BARE, { ...input, isStream: true })).toMatchObject({
      body: { stream: true, stream_options: { include_usage: true } },
    });
    const withoutOptions = encodeChatRequest(BARE, { ...input, isStream: true, canReportStreamUsage: false });
    expect((withoutOptions as EncodedRequest).body).toEqual({ model: 'llama-3', messages, stream: true });
  });

  test.each<[string, Partial<InferenceRequest>, JsonObject]>([
    [
      'sampling',
      { sampling: { temperature: 0, topP: 1, seed: 3, presencePenalty: 1, frequencyPenalty: 2 } },
      { temperature: 0, top_p: 1, seed: 3, presence_penalty: 1, frequency_penalty: 2 },
    ],
    ['a limit', { maxOutputTokens: 5 }, { max_tokens: 5 }],
    ['stops', { stop: ['a'] }, { stop: ['a'] }],
    ['answers', { choices: 2 }, { n: 2 }],
    ['an effort', { reasoning: { effort: 'xhigh' } }, { reasoning_effort: 'xhigh' }],
    ['a budget', { reasoning: { budgetTokens: 6_000 } }, { reasoning_effort: 'medium' }],
    ['no budget', { reasoning: { budgetTokens: 0 } }, { reasoning_effort: 'none' }],
    ['thoughts to be shown, which is nothing to say', { reasoning: { isShown: true } }, {}],
    ['an end user', { endUser: 'u' }, { user: 'u' }],
    ['a bias', { logitBias: { 1: 2 } }, { logit_bias: { 1: 2 } }],
    ['log probabilities', { logProbabilities: 2 }, { logprobs: true, top_logprobs: 2 }],
    ['log probabilities of the chosen alone', { logProbabilities: 0 }, { logprobs: true }],
    ['text', { output: { kind: 'text' } }, {}],
    ['JSON', { output: { kind: 'json' } }, { response_format: { type: 'json_object' } }],
    [
      'a schema without a good name',
      { output: { kind: 'json-schema', schema: {}, name: 'a b' } },
      { response_format: { type: 'json_schema', json_schema: { name: 'a_b', schema: {} } } },
    ],
    [
      'pictures',
      { modalities: ['text', 'image'], image: { size: '1K' } },
      { modalities: ['text', 'image'], image_config: { image_size: '1K' } },
    ],
  ])('has %s', (_name, more, members) => {
    const encoded = encode(more);
    expect(JSON.parse(JSON.stringify(body(more)))).toEqual(members);
    expect(encoded.dropped).toEqual([]);
  });

  test.each<[string, Partial<InferenceRequest>, string]>([
    ['top_k', { sampling: { topK: 4 } }, 'topK'],
    ['metadata', { metadata: { a: 'b' } }, 'metadata'],
    ['a tier', { serviceTier: 'flex' }, 'serviceTier'],
    ['verbosity', { verbosity: 'low' }, 'verbosity'],
    ['how pictures should be, where none are asked for', { image: { size: '1K' } }, 'image'],
    ['a voice', { speech: { voice: 'x' } }, 'speech'],
  ])('leaves out %s, and names it', (_name, more, field) => {
    expect(body(more)).toEqual({});
    expect(encode(more).dropped).toEqual([field]);
  });

  test.each<[string, Partial<InferenceRequest>, string]>([
    ['search by a model that does not', { webSearch: {} }, 'webSearch'],
    ['speech', { modalities: ['audio'] }, 'modalities'],
    [
      'a document by its address',
      { turns: [{ role: 'user', parts: [{ kind: 'document', source: { kind: 'url', url: 'https://a.example' } }] }] },
      'messages',
    ],
    [
      'a picture by a provider’s id',
      { turns: [{ role: 'user', parts: [{ kind: 'image', source: { kind: 'file-id', id: 'f' } }] }] },
      'messages',
    ],
    [
      'a picture for a system',
      { turns: [{ role: 'system', parts: [{ kind: 'image', source: { kind: 'url', url: 'https://a.example' } }] }] },
      'messages',
    ],
  ])('is refused for %s', (_name, more, field) => {
    expect(encode(more)).toMatchObject({ kind: 'refusal', field, reason: expect.any(String) });
  });
});

describe('OpenAI’s models', () => {
  const sampled = { sampling: { temperature: 1, topP: 0.5 }, logProbabilities: 1, logitBias: { 1: 1 } };

  test.each(['o3', 'o4-mini', 'gpt-5', 'openai/gpt-5-mini', 'gpt-5.2'])(
    'that reason (%s) get no sampling, and the newer name of the limit',
    (model) => {
      expect(body({ ...sampled, maxOutputTokens: 9 }, model)).toEqual({ max_completion_tokens: 9 });
      expect(encode(sampled, model).dropped).toEqual(['temperature', 'topP', 'logitBias', 'logProbabilities']);
    },
  );

  test('that can reason get sampling if reasoning is off', () => {
    expect(body({ sampling: { temperature: 1 }, reasoning: { effort: 'none' } }, 'gpt-5.1')).toEqual({
      reasoning_effort: 'none',
      temperature: 1,
    });
  });

  test('that reason get no stop sequences', () => {
    expect(encode({ stop: ['a'] }, 'o3')).toMatchObject({ kind: 'refusal', field: 'stop' });
    expect(body({ stop: ['a'] }, 'o1')).toEqual({ stop: ['a'] });
  });

  test.each([
    ['o3', 'none', 'low'],
    ['o3', 'xhigh', 'high'],
    ['gpt-5', 'none', 'minimal'],
    ['gpt-5', 'max', 'high'],
    ['gpt-5.2', 'minimal', 'none'],
    ['gpt-5.2', 'xhigh', 'xhigh'],
    ['gpt-oss-120b', 'minimal', 'minimal'],
  ])('%s is asked for %s by %s', (model, effort, said) => {
    expect(body({ reasoning: { effort } }, model)).toEqual({ reasoning_effort: said });
  });

  test('that do not reason get no effort', () => {
    expect(body({ reasoning: { effort: 'high' } }, 'gpt-4o')).toEqual({});
    expect(encode({ reasoning: { effort: 'high' } }, 'gpt-5-chat-latest').dropped).toEqual(['reasoning']);
  });

  test('get tiers, newer ones verbosity, search models search', () => {
    expect(body({ serviceTier: 'flex', verbosity: 'low' }, 'gpt-5')).toEqual({
      service_tier: 'flex',
      verbosity: 'low',
    });
    expect(body({ webSearch: { contextSize: 'low' } }, 'gpt-4o-search-preview')).toEqual({
      web_search_options: { search_context_size: 'low' },
    });
  });
});

describe('tools', () => {
  const parameters = { type: 'object', properties: {} };
  const tools: InferenceRequest['tools'] = [
    { kind: 'function', name: 'f', description: 'd', parameters, isStrict: true },
    { kind: 'function', name: 'g', isStrict: false },
    { kind: 'custom', name: 'c', format: { type: 'text' } },
  ];
  const wire = [
    { type: 'function', function: { name: 'f', description: 'd', parameters, strict: true } },
    { type: 'function', function: { name: 'g', parameters } },
  ];

  test('are nested functions; a custom one is kept at OpenAI and becomes a function with one text elsewhere', () => {
    expect(body({ tools }, 'gpt-5').tools).toEqual([
      ...wire,
      { type: 'custom', custom: { name: 'c', format: { type: 'text' } } },
    ]);
    expect((body({ tools }).tools as JsonObject[])[2]).toMatchObject({
      type: 'function',
      function: { name: 'c', parameters: { required: ['input'] } },
    });
  });

  test.each<[InferenceRequest['toolChoice'], unknown, number]>([
    [{ kind: 'auto' }, 'auto', 3],
    [{ kind: 'required' }, 'required', 3],
    [{ kind: 'none' }, 'none', 3],
    [{ kind: 'tool', name: 'f' }, { type: 'function', function: { name: 'f' } }, 3],
    [{ kind: 'tool', name: 'c' }, { type: 'custom', custom: { name: 'c' } }, 3],
    [{ kind: 'allowed', tools: [{ name: 'f' }], isRequired: true }, 'required', 1],
    [{ kind: 'allowed', tools: [{ name: 'f' }, { name: 'g' }], isRequired: false }, 'auto', 2],
  ])('are selected by %j', (toolChoice, said, offered) => {
    const members = body({ tools, ...(toolChoice ? { toolChoice } : {}) }, 'gpt-5');
    expect(members.tool_choice).toEqual(said);
    expect(members.tools).toHaveLength(offered);
  });

  test('have no parallel calls if requested; without tools the member is absent', () => {
    expect(body({ tools, allowsParallelToolCalls: false }).parallel_tool_calls).toBe(false);
    expect(body({ toolChoice: { kind: 'auto' }, allowsParallelToolCalls: false })).toEqual({});
  });
});

/** What an unknown provider gets differently, or not at all: test/conformance/protocols/request-expectations.ts. */
const CHANGED = new Set(
  `developer allowed-tools custom-tool custom-tool-round cache-breakpoint service-tier metadata web-search`.split(' '),
);
const unchanged = Object.entries(fixtures.requests).filter(([name]) => !CHANGED.has(name));

test.each(unchanged)('the request %s is unchanged', (_name, request) => {
  const decoded = decodeChatRequest(request!) as InferenceRequest;
  const encoded = encodeChatRequest(decoded, { ...input, upstreamModel: request!.model as string }) as EncodedRequest;
  expect(encoded.body).toEqual(request);
  expect(encoded.dropped).toEqual([]);
});
