// Symptom: twenty requests with `max_tokens: 1` and `extra_body.max_tokens: 2000` were let in on a budget for one.
// Cause: `extra_body` was merged after the estimate. Fix: one effective request, which is read and sent.
import { describe, expect, test } from 'vitest';
import { isFailure } from '#src/contracts/failure.ts';
import { outputBound, thinkingAllowance } from '#src/protocols/call/effective-request.ts';
import { prepareCall } from '#src/protocols/call/prepare-call.ts';
import type { RequestFacts } from '#src/protocols/protocol.ts';
import { clientProtocol, findProtocolRoute } from '#src/protocols/registry.ts';

const CHAT = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };
const MESSAGES = { ...CHAT, max_tokens: 1 };
const GEMINI = { contents: [{ role: 'user', parts: [{ text: 'hi' }] }] };
const RESPONSES = { model: 'm', input: 'hi' };
const LONG = 'a long prompt of many words '.repeat(400);

const PATHS: Record<string, string> = {
  'gemini-generate-content': '/v1beta/models/m:generateContent',
  'gemini-token-count': '/v1beta/models/m:countTokens',
};

function read(protocol: string, body: object): RequestFacts {
  const facts = clientProtocol(protocol).readRequest(body, { path: PATHS[protocol] ?? '/', query: {} });
  if (isFailure(facts)) throw new Error(facts.message);
  return facts;
}

describe('the reservation includes extra_body', () => {
  test.each<[string, object, number]>([
    ['openai-chat', { ...CHAT, max_tokens: 1, extra_body: { max_tokens: 2000 } }, 2000],
    ['openai-chat', { ...CHAT, max_completion_tokens: 1, extra_body: { max_tokens: 2000 } }, 2000],
    ['openai-chat', { ...CHAT, max_tokens: 1, extra_body: { max_completion_tokens: 2000 } }, 2000],
    ['openai-chat', { ...CHAT, max_tokens: 100, extra_body: { n: 20 } }, 2000],
    ['openai-chat', { ...CHAT, max_tokens: 1, extra_body: { max_output_tokens: 2000 } }, 2000],
    ['openai-chat', { ...CHAT, max_tokens: 1, extra_body: { generationConfig: { maxOutputTokens: 2000 } } }, 2000],
    ['openai-chat', { ...CHAT, max_tokens: 100, extra_body: { generationConfig: { candidateCount: 20 } } }, 2000],
    ['openai-chat', { ...CHAT, max_tokens: 1, extra_body: { max_new_tokens: 2000 } }, 2000],
    ['openai-chat', { ...CHAT, max_tokens: 1, extra_body: { options: { num_predict: 2000 } } }, 2000],
    ['openai-completions', { model: 'm', prompt: 'hi', max_tokens: 1, extra_body: { max_tokens: 2000 } }, 2000],
    ['openai-completions', { model: 'm', prompt: 'hi', max_tokens: 100, extra_body: { best_of: 20 } }, 2000],
    ['openai-responses', { ...RESPONSES, max_output_tokens: 1, extra_body: { max_output_tokens: 2000 } }, 2000],
    ['openai-responses', { ...RESPONSES, max_output_tokens: 1, extra_body: { max_tokens: 2000 } }, 2000],
    ['anthropic-messages', { ...MESSAGES, extra_body: { max_tokens: 2000 } }, 2000],
    ['anthropic-messages', { ...MESSAGES, extra_body: { max_completion_tokens: 2000 } }, 2000],
    ['anthropic-messages', { ...MESSAGES, max_tokens: 100, extra_body: { n: 20 } }, 2000],
    [
      'gemini-generate-content',
      {
        ...GEMINI,
        generationConfig: { maxOutputTokens: 1 },
        extra_body: { generationConfig: { maxOutputTokens: 2000 } },
      },
      2000,
    ],
    [
      'gemini-generate-content',
      {
        ...GEMINI,
        generationConfig: { maxOutputTokens: 1 },
        extra_body: { generation_config: { max_output_tokens: 500, candidate_count: 4 } },
      },
      2000,
    ],
    ['gemini-generate-content', { ...GEMINI, extra_body: { max_tokens: 2000 } }, 2000],
  ])('%s %j', (protocol, body, expected) => {
    expect(read(protocol, body).maxOutputTokens).toBe(expected);
  });

  test.each<[string, object]>([
    ['openai-chat', { ...CHAT, extra_body: { messages: [{ role: 'user', content: LONG }] } }],
    ['openai-chat', { ...CHAT, extra_body: { tools: [{ type: 'function', function: { name: LONG } }] } }],
    ['openai-completions', { model: 'm', prompt: 'hi', extra_body: { prompt: LONG } }],
    ['openai-embeddings', { model: 'm', input: 'hi', extra_body: { input: LONG } }],
    ['openai-responses', { ...RESPONSES, extra_body: { instructions: LONG } }],
    ['anthropic-messages', { ...MESSAGES, extra_body: { system: LONG } }],
    ['anthropic-count-tokens', { ...MESSAGES, extra_body: { system: LONG } }],
    ['gemini-generate-content', { ...GEMINI, extra_body: { systemInstruction: { parts: [{ text: LONG }] } } }],
  ])('its prompt too: %s', (protocol, body) => {
    expect(read(protocol, body).estimatedInputTokens).toBeGreaterThan(1_000);
  });
});

test('routing reads it, and Sluice’s members are not sent to providers', () => {
  const body = { ...CHAT, extra_body: { stream: true, models: ['b'], provider: { only: ['x'] }, model: 'dearer' } };
  const facts = { model: 'm', isStream: true, alternativeModels: ['b'], preferences: { only: ['x'] } };
  expect(read('openai-chat', body)).toMatchObject(facts);
  expect(sent('openai-chat', 'openai-chat', body)).toEqual({ ...CHAT, model: 'upstream', stream: true });
});

const DIALECT = {
  name: 'p',
  apiKey: null,
  credentialHeader: null,
  paths: {},
  query: {},
  canReportStreamUsage: false,
  prefill: null,
} as const;

function sent(
  client: string,
  vendor: 'openai-chat' | 'anthropic-messages' | 'gemini-generate-content',
  body: object,
  model = 'upstream',
) {
  const call = prepareCall(findProtocolRoute(client, [vendor])!, DIALECT, {
    body: Buffer.from(JSON.stringify(body)),
    upstreamModel: model,
    isStream: false,
    requestId: 'req_1',
    acceptedAtMs: 0,
    forwardedHeaders: {},
    cures: new Set(),
  });
  // A provider that cannot get a member does not have to follow it.
  if (isFailure(call)) return null;
  return JSON.parse(call.request.body.toString());
}

const CLIENTS: [string, object][] = [
  ['openai-chat', { ...CHAT, max_tokens: 1 }],
  ['openai-responses', { ...RESPONSES, max_output_tokens: 1 }],
  ['anthropic-messages', MESSAGES],
  ['gemini-generate-content', { ...GEMINI, generationConfig: { maxOutputTokens: 1 } }],
];
const EXTRAS: object[] = [
  { max_tokens: 2000 },
  { max_completion_tokens: 2000 },
  { max_output_tokens: 2000 },
  { generationConfig: { maxOutputTokens: 2000 } },
  { n: 7 },
  { stream: true, model: 'dearer', stream_options: {} },
];

describe('in another protocol', () => {
  test.each(
    CLIENTS.flatMap(([client, body]) =>
      EXTRAS.map((extra) => [client, extra, { ...body, extra_body: extra }] as const),
    ),
  )('%s with %j: no provider may answer longer than the reservation', (client, _extra, body) => {
    for (const vendor of ['openai-chat', 'anthropic-messages', 'gemini-generate-content'] as const) {
      const built = sent(client, vendor, body);
      if (built === null) continue;
      expect(outputBound(built) ?? 0).toBeLessThanOrEqual(read(client, body).maxOutputTokens!);
      expect([undefined, 'upstream']).toContain(built.model);
      if (client !== vendor) expect(built.stream ?? false).toBe(false);
    }
  });

  test('a longer limit for thoughts is included in the reservation', () => {
    const body = { ...CHAT, max_tokens: 1, reasoning_effort: 'high' };
    const built = sent('openai-chat', 'anthropic-messages', body, 'claude-sonnet-4-5');
    expect(built.max_tokens).toBeGreaterThan(1);
    expect(built.max_tokens).toBeLessThanOrEqual(1 + thinkingAllowance(body));
    expect(thinkingAllowance({ google: { thinking_config: { thinking_budget: 8_000 } } })).toBe(8_000);
    expect(thinkingAllowance({ reasoning_effort: 'none' })).toBe(0);
  });
});
