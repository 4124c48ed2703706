import { describe, expect, test } from 'vitest';
import { isFailure } from '#src/contracts/failure.ts';
import type { InferenceRequest } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { chatFieldName } from '#src/protocols/openai-chat/protocol.ts';
import { decodeChatRequest } from '#src/protocols/openai-chat/request/decode-request.ts';

const hello = [{ role: 'user', content: 'Hi' }];
const BARE = {
  turns: [{ role: 'user', parts: [{ kind: 'text', text: 'Hi' }] }],
  tools: [],
  sampling: {},
  unmapped: {},
};

function decode(members: JsonObject): InferenceRequest {
  const request = decodeChatRequest({ model: 'm', messages: hello, ...members });
  if (isFailure(request)) throw new Error(request.message);
  return request;
}
const fault = (members: JsonObject) => decodeChatRequest({ model: 'm', messages: hello, ...members });

describe('members of a request', () => {
  test('are left undefined in a minimal request', () => {
    expect(decode({})).toEqual(BARE);
    expect(decode({ temperature: null, stop: null, tools: null, response_format: null, user: null })).toEqual(BARE);
  });

  test.each<[string, JsonObject, Partial<InferenceRequest>]>([
    [
      'sampling',
      { temperature: 0, top_p: 0.5, top_k: 4, seed: 7 },
      { sampling: { temperature: 0, topP: 0.5, topK: 4, seed: 7 } },
    ],
    [
      'penalties',
      { presence_penalty: 1, frequency_penalty: -1 },
      { sampling: { presencePenalty: 1, frequencyPenalty: -1 } },
    ],
    ['the newer limit', { max_tokens: 5, max_completion_tokens: 9 }, { maxOutputTokens: 9 }],
    ['the older limit', { max_tokens: 5 }, { maxOutputTokens: 5 }],
    ['one stop', { stop: 'END' }, { stop: ['END'] }],
    ['several stops', { stop: ['a', 'b'] }, { stop: ['a', 'b'] }],
    ['no stops', { stop: [] }, {}],
    ['several answers', { n: 2 }, { choices: 2 }],
    ['one answer, the default', { n: 1 }, {}],
    ['the end user', { user: 'u', safety_identifier: 's' }, { endUser: 's' }],
    ['the older end user', { user: 'u' }, { endUser: 'u' }],
    ['metadata', { metadata: { a: 'b' } }, { metadata: { a: 'b' } }],
    ['tier and verbosity', { service_tier: 'flex', verbosity: 'low' }, { serviceTier: 'flex', verbosity: 'low' }],
    ['log probabilities', { logprobs: true, top_logprobs: 3 }, { logProbabilities: 3 }],
    ['log probabilities of the chosen alone', { logprobs: true }, { logProbabilities: 0 }],
    ['no log probabilities', { logprobs: false, top_logprobs: 3 }, {}],
    ['a bias', { logit_bias: { 5: -100 } }, { logitBias: { 5: -100 } }],
    [
      'speech',
      { modalities: ['text', 'audio'], audio: { voice: 'alloy', format: 'wav' } },
      { modalities: ['text', 'audio'], speech: { voice: 'alloy', format: 'wav' } },
    ],
    [
      'a voice that was made',
      { audio: { voice: { id: 'v_1' }, format: 'mp3' } },
      { speech: { voice: 'v_1', format: 'mp3' } },
    ],
    ['web search', { web_search_options: { search_context_size: 'high' } }, { webSearch: { contextSize: 'high' } }],
    ['plain text', { response_format: { type: 'text' } }, { output: { kind: 'text' } }],
    ['JSON', { response_format: { type: 'json_object' } }, { output: { kind: 'json' } }],
    [
      'a schema',
      {
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'n', description: 'd', schema: { type: 'object' }, strict: true },
        },
      },
      { output: { kind: 'json-schema', name: 'n', description: 'd', schema: { type: 'object' }, isStrict: true } },
    ],
    ['no parallel calls', { parallel_tool_calls: false }, { allowsParallelToolCalls: false }],
  ])('%s', (_name, members, expected) => {
    expect(decode(members)).toEqual({ ...BARE, ...expected });
  });

  test.each<[string, JsonObject, InferenceRequest['reasoning']]>([
    ['OpenAI’s effort', { reasoning_effort: 'xhigh' }, { effort: 'xhigh' }],
    ['OpenRouter’s effort', { reasoning: { effort: 'low', exclude: true } }, { effort: 'low', isShown: false }],
    ['OpenRouter’s budget', { reasoning: { max_tokens: 2_000 } }, { budgetTokens: 2_000 }],
    ['OpenRouter’s switch, on', { reasoning: { enabled: true } }, { effort: 'medium' }],
    ['OpenRouter’s switch, off', { reasoning: { enabled: false, effort: 'high' } }, { effort: 'none' }],
    ['OpenRouter’s older member', { include_reasoning: true }, { isShown: true }],
    [
      'Google’s budget',
      { extra_body: { google: { thinking_config: { thinking_budget: 800, include_thoughts: true } } } },
      { budgetTokens: 800, isShown: true },
    ],
    ['Google’s budget, merged by Python', { google: { thinking_config: { thinking_budget: 0 } } }, { budgetTokens: 0 }],
    ['Google’s automatic budget', { google: { thinking_config: { thinking_budget: -1 } } }, undefined],
    ['Google’s level', { google: { thinking_config: { thinking_level: 'HIGH' } } }, { effort: 'high' }],
    ['Anthropic’s budget', { thinking: { type: 'enabled', budget_tokens: 1_024 } }, { budgetTokens: 1_024 }],
    ['Z.ai’s switch', { thinking: { type: 'disabled' } }, { effort: 'none' }],
    ['OpenAI’s over the others', { reasoning_effort: 'low', reasoning: { effort: 'high' } }, { effort: 'low' }],
  ])('reasoning as %s', (_name, members, reasoning) => {
    expect(decode(members)).toEqual({ ...BARE, ...(reasoning === undefined ? {} : { reasoning }) });
  });
});

describe('members beyond OpenAI’s', () => {
  const image = { aspect_ratio: '16:9', image_size: '1K' };

  test.each<[string, JsonObject]>([
    ['in extra_body', { extra_body: { google: { image_config: image } } }],
    ['merged by Python', { google: { image_config: image } }],
    ['in OpenRouter’s member', { image_config: image }],
  ])('image settings: %s', (_name, members) => {
    expect(decode(members)).toEqual({ ...BARE, image: { aspectRatio: '16:9', size: '1K' } });
  });

  test('is sent to the provider if it came in extra_body, otherwise named as dropped', () => {
    const request = decode({ min_p: 0.1, store: true, prompt_cache_key: 'k', extra_body: { min_p: 0.2, top_a: 1 } });
    expect(request.extraBody).toEqual({ min_p: 0.2, top_a: 1 });
    expect(Object.keys(request.unmapped)).toEqual(['store']);
    expect(request.promptCacheKey).toBe('k');
  });

  test('in extra_body replaces members of the same name', () => {
    expect(decode({ temperature: 1, extra_body: { temperature: 0.2 } }).sampling).toEqual({ temperature: 0.2 });
  });

  test('inside others is named by its path', () => {
    const members = { google: { safety_settings: [] }, web_search_options: { filters: {} } };
    expect(Object.keys(decode(members).unmapped)).toEqual(['google.safety_settings', 'web_search_options.filters']);
  });

  test('of Sluice is not sent to providers', () => {
    expect(decode({ models: ['a'], provider: { only: ['b'] }, stream: true, stream_options: {} })).toEqual(BARE);
  });
});

describe('tools', () => {
  const parameters = { type: 'object', properties: {} };

  test('are functions or custom', () => {
    const tools = [
      { type: 'function', function: { name: 'f', description: 'd', parameters, strict: true } },
      { type: 'function', function: { name: 'g' } },
      { type: 'custom', custom: { name: 'c', format: { type: 'text' } } },
    ];
    expect(decode({ tools }).tools).toEqual([
      { kind: 'function', name: 'f', description: 'd', parameters, isStrict: true },
      { kind: 'function', name: 'g' },
      { kind: 'custom', name: 'c', format: { type: 'text' } },
    ]);
  });

  test('in the older format are functions without parallel calls', () => {
    const request = decode({ functions: [{ name: 'f', parameters }], function_call: { name: 'f' } });
    expect(request).toMatchObject({
      tools: [{ kind: 'function', name: 'f', parameters }],
      toolChoice: { kind: 'tool', name: 'f' },
      allowsParallelToolCalls: false,
    });
  });

  test.each<[unknown, InferenceRequest['toolChoice']]>([
    ['auto', { kind: 'auto' }],
    ['none', { kind: 'none' }],
    ['required', { kind: 'required' }],
    ['any', { kind: 'required' }],
    [
      { type: 'function', function: { name: 'f' } },
      { kind: 'tool', name: 'f' },
    ],
    [
      { type: 'function', name: 'f' },
      { kind: 'tool', name: 'f' },
    ],
    [
      { type: 'custom', custom: { name: 'c' } },
      { kind: 'tool', name: 'c' },
    ],
    [
      {
        type: 'allowed_tools',
        allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'f' } }] },
      },
      { kind: 'allowed', tools: [{ name: 'f' }], isRequired: true },
    ],
    [
      { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [{ type: 'custom', custom: { name: 'c' } }] } },
      { kind: 'allowed', tools: [{ name: 'c' }], isRequired: false },
    ],
  ])('are selected by %j', (choice, expected) => {
    expect(decode({ tool_choice: choice }).toolChoice).toEqual(expected);
  });
});

describe('a request that cannot be read names the field', () => {
  test.each<[JsonObject, string]>([
    [{ temperature: 'hot' }, 'temperature'],
    [{ stop: [1] }, 'stop[0]'],
    [{ tools: [{ type: 'web' }] }, 'tools[0].type'],
    [{ tools: [{ type: 'function' }] }, 'tools[0].function'],
    [{ tools: [{ type: 'function', function: {} }] }, 'tools[0].function.name'],
    [{ tool_choice: 'maybe' }, 'tool_choice'],
    [{ response_format: { type: 'xml' } }, 'response_format.type'],
    [{ extra_body: [] }, 'extra_body'],
    [{ messages: [{ content: 'Hi' }] }, 'messages[0].role'],
    [{ messages: [{ role: 'robot', content: 'Hi' }] }, 'messages[0].role'],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content'],
    [{ messages: [{ role: 'user', content: 5 }] }, 'messages[0].content'],
    [{ messages: [{ role: 'user', content: [{ type: 'video' }] }] }, 'messages[0].content[0].type'],
    [{ messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, 'messages[0].content[0].image_url'],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].tool_call_id'],
    [{ messages: [{ role: 'assistant', tool_calls: [{ id: 'a' }] }] }, 'messages[0].tool_calls[0].function'],
  ])('%j', (members, param) => {
    expect(fault(members)).toMatchObject({
      code: expect.stringMatching(/^(request_invalid|parameter_missing)$/),
      param,
    });
  });
});

test.each([
  ['maxOutputTokens', 'max_completion_tokens'],
  ['topK', 'top_k'],
  ['output', 'response_format'],
  ['choices', 'n'],
  ['webSearch', 'web_search_options'],
  ['messages', 'messages'],
  ['parallelToolCalls', 'parallel_tool_calls'],
] as const)('%s is %s to the client', (field, name) => {
  expect(chatFieldName(field)).toBe(name);
});
