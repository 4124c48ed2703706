// Symptoms: one 1e308 in a provider's usage made reports fail, a cost of -1 credited a key, a zero for another's key was
// "free". Cause: figures were used unchecked. Fix: they are checked where they are decoded, kept as evidence, and replaced by
// an estimate.
import { describe, expect, test } from 'vitest';
import { NO_USAGE, type Usage } from '#src/contracts/usage.ts';
import { readMessagesUsage } from '#src/protocols/anthropic-messages/usage.ts';
import { readGeminiUsage } from '#src/protocols/gemini-generate-content/usage.ts';
import { readChatUsage } from '#src/protocols/openai/usage.ts';
import { relayEmbeddings } from '#src/protocols/openai-embeddings/protocol.ts';
import { readResponsesUsage } from '#src/protocols/openai-responses/usage.ts';
import type { RelayContext } from '#src/protocols/protocol.ts';
import { countedOr } from '#src/protocols/providers/counts.ts';
import { clientProtocol } from '#src/protocols/registry.ts';

const ABSURD = [1e30, 2e19, 1e308, Number.POSITIVE_INFINITY, -1, 10.5, '12'];

const READERS: [string, (usage: unknown) => Usage | null, (value: unknown) => object, (value: unknown) => object][] = [
  [
    'openai-chat',
    readChatUsage,
    (value) => ({ prompt_tokens: value, completion_tokens: 2 }),
    (value) => ({ prompt_tokens: 10, completion_tokens: 2, prompt_tokens_details: { cached_tokens: value } }),
  ],
  [
    'openai-responses',
    readResponsesUsage,
    (value) => ({ input_tokens: 10, output_tokens: value }),
    (value) => ({ input_tokens: 10, output_tokens: 2, input_tokens_details: { cached_tokens: value } }),
  ],
  [
    'anthropic-messages',
    readMessagesUsage,
    (value) => ({ input_tokens: 10, output_tokens: 2, cache_read_input_tokens: value }),
    (value) => ({ input_tokens: 10, output_tokens: 2, output_tokens_details: { thinking_tokens: value } }),
  ],
  [
    'gemini-generate-content',
    readGeminiUsage,
    (value) => ({ promptTokenCount: 10, candidatesTokenCount: value }),
    (value) => ({ promptTokenCount: 10, candidatesTokenCount: 2, cachedContentTokenCount: value }),
  ],
];

describe.each(READERS)('%s', (_protocol, read, withTotal, withPart) => {
  test.each(ABSURD)('%s tokens are kept as evidence, and replaced by an estimate', (value) => {
    const said = withTotal(value);
    const usage = countedOr(read(said), { ...NO_USAGE, inputTokens: 7, outputTokens: 3, isEstimated: true });
    expect(usage).toMatchObject({ inputTokens: 7, outputTokens: 3, isEstimated: true });
    expect(usage.disputed).toContain(typeof value === 'string' ? value : String(value).replace('e+', 'e+'));
  });

  test.each(ABSURD)('%s as a partial count is ignored, and the totals are kept', (value) => {
    const usage = read(withPart(value))!;
    expect(usage).toMatchObject({ inputTokens: 10, outputTokens: 2, cachedInputTokens: 0, reasoningTokens: 0 });
    expect(usage).toMatchObject({ isEstimated: true, disputed: expect.any(String) });
  });
});

describe('a reported cost', () => {
  const read = (more: object) => readChatUsage({ prompt_tokens: 10, completion_tokens: 2, ...more })!;

  test.each<[string, object, bigint | undefined]>([
    ['as a number', { cost: 0.5 }, 500_000_000_000n],
    ['as an object (Perplexity)', { cost: { input_tokens_cost: 0.1, total_cost: 0.25 } }, 250_000_000_000n],
    ['that is nothing', { cost: 0 }, 0n],
    [
      'of another’s key: the fee and the price',
      { cost: 0.01, is_byok: true, cost_details: { upstream_inference_cost: 0.2 } },
      210_000_000_000n,
    ],
    ['of another’s key that says no more than zero', { cost: 0, is_byok: true }, undefined],
    [
      'of another’s key, not said to be one',
      { cost: 0, cost_details: { upstream_inference_cost: 0.2 } },
      200_000_000_000n,
    ],
    [
      'that names its upstream’s share',
      { cost: 0.3, cost_details: { upstream_inference_cost: 0.3 } },
      300_000_000_000n,
    ],
  ])('%s', (_what, more, expected) => {
    expect(read(more).reportedCost).toBe(expected);
    expect(read(more)).toMatchObject({ inputTokens: 10, isEstimated: false });
  });

  test.each([-1, 1e30, Number.POSITIVE_INFINITY, { total_cost: -1 }])(
    'of %j becomes neither a credit nor an absurd amount',
    (cost) => {
      expect(read({ cost })).toMatchObject({ inputTokens: 10, outputTokens: 2, isEstimated: true });
      expect(read({ cost }).reportedCost).toBeUndefined();
      expect(read({ cost }).disputed).toContain('cost');
    },
  );
});

test('cache reads and writes together are at most the prompt', () => {
  const details = { cached_tokens: 80, cache_write_tokens: 80 };
  const expected = { inputTokens: 100, cachedInputTokens: 80, cacheWriteTokens: 20 };
  expect(readChatUsage({ prompt_tokens: 100, completion_tokens: 1, prompt_tokens_details: details })).toMatchObject(
    expected,
  );
  const responses = { input_tokens: 100, output_tokens: 1, input_tokens_details: details };
  expect(readResponsesUsage(responses)).toMatchObject(expected);
});

test('media, tools and tiers are read', () => {
  expect(
    readGeminiUsage(
      {
        promptTokenCount: 10,
        candidatesTokenCount: 1290,
        candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 1290 }],
        serviceTier: 'FLEX',
      },
      2,
    ),
  ).toMatchObject({ outputMedia: { image: 1290 }, toolCalls: { web_search: 2 }, serviceTier: 'flex' });
  const messages = { input_tokens: 1, output_tokens: 1, server_tool_use: { web_search_requests: 3 }, speed: 'fast' };
  expect(readMessagesUsage(messages)).toMatchObject({ toolCalls: { web_search: 3 }, serviceTier: 'fast' });
  const output = [
    { type: 'web_search_call', action: { type: 'search' } },
    { type: 'web_search_call', action: { type: 'open_page' } },
  ];
  expect(readResponsesUsage({ input_tokens: 1, output_tokens: 1 }, { output })).toMatchObject({
    toolCalls: { web_search: 1 },
  });
});

const CONTEXT: RelayContext = {
  usageDelivery: 'own-event',
  choices: 1,
  estimatedInputTokens: 8,
  requestedModel: 'asked',
  priceUsage: (usage) => ({ cost: '0', charge: '0', isEstimated: usage.isEstimated }),
};

describe('what the client gets', () => {
  const whole = (protocol: string, body: object) =>
    JSON.parse(
      clientProtocol(protocol)
        .passThrough.relayBody(Buffer.from(JSON.stringify(body)), CONTEXT)
        .body.toString(),
    );
  const choices = [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }];

  test('an estimate instead of impossible counts, marked as such', () => {
    const { usage } = whole('openai-chat', { choices, usage: { prompt_tokens: 1e308, completion_tokens: 2 } });
    expect(usage).toMatchObject({ prompt_tokens: 8, completion_tokens: 2, estimated: true });
    const gemini = whole('gemini-generate-content', { candidates: [{ content: { parts: [{ text: 'hello' }] } }] });
    expect(gemini.usageMetadata).toMatchObject({ promptTokenCount: 8, estimated: true });
    const message = whole('anthropic-messages', { content: [], usage: { input_tokens: 1e30, output_tokens: 1 } });
    expect(message.usage).toMatchObject({ input_tokens: 8, estimated: true });
    const response = whole('openai-responses', { status: 'completed', output: [], usage: { input_tokens: -1 } });
    expect(response.usage).toMatchObject({ input_tokens: 8, estimated: true });
    const embeddings = relayEmbeddings(Buffer.from('{"data":[],"usage":{"prompt_tokens":1e30}}'), CONTEXT);
    expect(embeddings.usage).toMatchObject({ inputTokens: 8, isEstimated: true });
  });

  test('no mark on the provider’s counts', () => {
    const { usage } = whole('openai-chat', { choices, usage: { prompt_tokens: 1, completion_tokens: 2 } });
    expect(usage).not.toHaveProperty('estimated');
  });

  test('the requested model, if the provider names none', () => {
    expect(whole('openai-chat', { choices }).model).toBe('asked');
    expect(whole('openai-chat', { model: 'own', choices }).model).toBe('own');
    const response = { status: 'completed', output: [] };
    expect(whole('openai-responses', response).model).toBe('asked');
    expect(whole('openai-responses', { ...response, model: 'own' }).model).toBe('own');
    const candidates = [{ content: { parts: [{ text: 'hello' }] } }];
    expect(whole('gemini-generate-content', { candidates }).modelVersion).toBe('asked');
    expect(whole('gemini-generate-content', { candidates, modelVersion: 'own' }).modelVersion).toBe('own');
  });

  test.each<[string, object, object]>([
    [
      'openai-responses',
      { type: 'response.created', response: { id: 'r', status: 'in_progress', output: [] } },
      { type: 'response.completed', response: { id: 'r', status: 'completed', output: [] } },
    ],
    [
      'gemini-generate-content',
      { candidates: [{ content: { parts: [{ text: 'hel' }] } }] },
      { candidates: [{ content: { parts: [{ text: 'lo' }] }, finishReason: 'STOP' }] },
    ],
  ])('the requested model in every event of a stream that names one (%s)', (protocol, ...events) => {
    const relay = clientProtocol(protocol).passThrough.openStream(CONTEXT);
    const data = events.map((event) => JSON.stringify(event));
    const sent = data.map((text) => ({ raw: Buffer.from(`data: ${text}\n\n`), data: text, name: null }));
    const relayed = [...sent.map((event) => relay.accept({ ...event, isSteering: false })), relay.end()];
    const text = relayed.map(({ bytes }) => bytes?.toString() ?? '').join('');
    expect(text.match(/"model(Version)?":"asked"/g)).toHaveLength(2);
  });

  test('a message that starts with an estimate of its prompt instead of zero', () => {
    const relay = clientProtocol('anthropic-messages').passThrough.openStream(CONTEXT);
    const data =
      '{"type":"message_start","message":{"model":"m","content":[],"usage":{"input_tokens":0,"output_tokens":0}}}';
    const raw = Buffer.from(`event: message_start\ndata: ${data}\n\n`);
    const { bytes } = relay.accept({ raw, data, name: 'message_start', isSteering: false });
    expect(bytes!.toString()).toContain('"input_tokens":8');
  });
});
