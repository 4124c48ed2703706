import { describe, expect, test } from 'vitest';
import type { PartStart } from '#src/contracts/answer.ts';
import type { EncodableEvent, EncodeContext, JsonObject, UsageDelivery } from '#src/protocols/codec.ts';
import { openaiChatClient, openaiChatProvider } from '#src/protocols/openai-chat/protocol.ts';
import { ChatAnswerEncoder } from '#src/protocols/openai-chat/stream/answer-encoder.ts';
import { unwrapSignature } from '#src/protocols/translate/signatures.ts';
import { createTranslation } from '#src/protocols/translate/translate-answer.ts';
import { fixtures } from '#test/fixtures/protocols/openai-chat.ts';
import { DONE, eventsOf, relayAll, relayContext } from './streams.ts';

const context = (
  usageDelivery: UsageDelivery = 'none',
  clientBody: JsonObject = { model: 'asked' },
): EncodeContext => ({
  requestId: 'req_abc',
  createdAt: 5,
  clientBody,
  usageDelivery,
});
const usage = {
  inputTokens: 8,
  cachedInputTokens: 3,
  cacheWriteTokens: 2,
  outputTokens: 4,
  reasoningTokens: 1,
  isEstimated: false,
};
const shown = { cost: '0.00001', charge: '0.0001' };

function encode(events: EncodableEvent[], how = context()) {
  const encoder = new ChatAnswerEncoder(how);
  const text = events.map((event) => encoder.encode(event)).join('') + encoder.end(usage, shown);
  expect(text.endsWith(DONE)).toBe(true);
  return [...eventsOf(text)].flatMap(({ data }) => (data === '[DONE]' ? [] : [JSON.parse(data!)]));
}

const choicesOf = (chunks: { choices: JsonObject[] }[]) => chunks.flatMap(({ choices }) => choices);
const deltasOf = (chunks: { choices: JsonObject[] }[]) => choicesOf(chunks).map(({ delta }) => delta);

const start: EncodableEvent = { kind: 'answer-start', id: 'v', model: 'answering', createdAt: 7 };
const stop: EncodableEvent = { kind: 'finish', choice: 0, reason: 'stop' };
function part(at: number, begin: PartStart, texts: string[], end: object = {}, choice = 0): EncodableEvent[] {
  return [
    { kind: 'part-start', choice, part: at, start: begin },
    ...texts.map((delta) => ({ kind: 'part-delta' as const, choice, part: at, delta })),
    { kind: 'part-end', choice, part: at, ...end },
  ];
}
const ROLE = { role: 'assistant', content: '', refusal: null };

describe('an encoded stream', () => {
  test('has the same id, model and time throughout', () => {
    for (const chunk of encode([start, ...part(0, { kind: 'text' }, ['Hi']), stop])) {
      expect(chunk).toMatchObject({
        id: 'chatcmpl-abc',
        object: 'chat.completion.chunk',
        created: 7,
        model: 'answering',
      });
    }
  });

  test('has the role first, then the text, then the finish reason', () => {
    const chunks = encode([start, ...part(0, { kind: 'text' }, ['Hi', ' you']), stop]);
    expect(choicesOf(chunks)).toEqual([
      { index: 0, delta: ROLE, logprobs: null, finish_reason: null },
      { index: 0, delta: { content: 'Hi' }, logprobs: null, finish_reason: null },
      { index: 0, delta: { content: ' you' }, logprobs: null, finish_reason: null },
      { index: 0, delta: {}, logprobs: null, finish_reason: 'stop' },
    ]);
  });

  test('numbers calls by their order, whatever the other parts', () => {
    const call = (id: string): PartStart => ({ kind: 'tool-call', id, name: 'f' });
    const chunks = encode([
      start,
      ...part(0, { kind: 'text' }, ['Hi']),
      ...part(1, call('a'), ['{', '}']),
      ...part(2, call('b'), []),
      stop,
    ]);
    expect(deltasOf(chunks).slice(2, -1)).toEqual([
      { tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '}' } }] },
      { tool_calls: [{ index: 1, id: 'b', type: 'function', function: { name: 'f', arguments: '' } }] },
    ]);
  });

  test('starts with null content if a call comes first; custom calls have input', () => {
    const chunks = encode([start, ...part(0, { kind: 'tool-call', id: 'a', name: 'f', isCustom: true }, ['ls']), stop]);
    expect(deltasOf(chunks)).toEqual([
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ index: 0, id: 'a', type: 'custom', custom: { name: 'f', input: '' } }],
      },
      { tool_calls: [{ index: 0, custom: { input: 'ls' } }] },
      {},
    ]);
  });

  test('has one older call for clients of `functions`', () => {
    const call = (id: string): PartStart => ({ kind: 'tool-call', id, name: id });
    const finish: EncodableEvent = { kind: 'finish', choice: 0, reason: 'tool-calls' };
    const chunks = encode(
      [start, ...part(0, call('a'), ['{}']), ...part(1, call('b'), ['{}']), finish],
      context('none', { functions: [] }),
    );
    expect(deltasOf(chunks)).toEqual([
      { role: 'assistant', content: null, function_call: { name: 'a', arguments: '' } },
      { function_call: { arguments: '{}' } },
      {},
    ]);
    expect(choicesOf(chunks).at(-1)!.finish_reason).toBe('function_call');
  });

  test('has refusals and thoughts in separate members', () => {
    const chunks = encode([
      start,
      ...part(0, { kind: 'reasoning' }, ['Hm']),
      ...part(1, { kind: 'refusal' }, ['No']),
      stop,
    ]);
    expect(deltasOf(chunks)).toEqual([ROLE, { reasoning_content: 'Hm' }, { refusal: 'No' }, {}]);
  });

  test('has a wrapped signature of thoughts, at their end and unstreamed', () => {
    const signature = { origin: 'anthropic-messages', value: 'EqQB' } as const;
    const chunks = encode([
      start,
      ...part(0, { kind: 'reasoning' }, ['Hm', '.'], { signature }),
      ...part(1, { kind: 'reasoning' }, [], { signature, isRedacted: true }),
      stop,
    ]);
    const details = deltasOf(chunks).flatMap(
      (delta) => (delta as { reasoning_details?: JsonObject[] }).reasoning_details ?? [],
    );
    expect(details).toEqual([
      { type: 'reasoning.text', text: 'Hm.', signature: expect.any(String), format: 'anthropic-claude-v1', index: 0 },
      { type: 'reasoning.encrypted', data: expect.any(String), format: 'anthropic-claude-v1', index: 1 },
    ]);
    expect(unwrapSignature(details[0]!.signature as string)).toEqual(signature);
  });

  test('has Gemini’s signature where Google’s own endpoint has it, wrapped', () => {
    const signature = { origin: 'gemini-generate-content', value: 'Cp' } as const;
    const chunks = encode([start, ...part(0, { kind: 'tool-call', id: 'a', name: 'f' }, ['{}'], { signature }), stop]);
    const [call] = (
      deltasOf(chunks).at(-2) as {
        tool_calls: [{ index: number; extra_content: { google: { thought_signature: string } } }];
      }
    ).tool_calls;
    expect(call.index).toBe(0);
    expect(unwrapSignature(call.extra_content.google.thought_signature)).toEqual(signature);
  });

  test('gives citations positions in the complete text', () => {
    const citation: EncodableEvent = {
      kind: 'part-citation',
      choice: 0,
      part: 1,
      citation: { url: 'https://a.example' },
    };
    const [begin, ...rest] = part(1, { kind: 'text' }, ['second']);
    const chunks = encode([start, ...part(0, { kind: 'text' }, ['first ']), begin!, citation, ...rest, stop]);
    expect(deltasOf(chunks).at(-2)).toEqual({
      annotations: [
        {
          type: 'url_citation',
          url_citation: { start_index: 6, end_index: 12, url: 'https://a.example', title: 'https://a.example' },
        },
      ],
    });
  });

  test('has images in OpenRouter’s member', () => {
    const value = { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AAAA' } } as const;
    expect(deltasOf(encode([start, { kind: 'part-whole', choice: 0, part: 0, value }, stop]))).toEqual([
      ROLE,
      { images: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }] },
      {},
    ]);
  });

  test('has log probabilities with their text', () => {
    const tokens = [{ token: 'Hi', logProbability: -1, bytes: [72, 105], alternatives: [] }];
    const chunks = encode([
      start,
      { kind: 'part-start', choice: 0, part: 0, start: { kind: 'text' } },
      { kind: 'part-delta', choice: 0, part: 0, delta: 'Hi', logProbabilities: tokens },
      stop,
    ]);
    expect(choicesOf(chunks)[1]!.logprobs).toEqual({
      content: [{ token: 'Hi', logprob: -1, bytes: [72, 105], top_logprobs: [] }],
      refusal: null,
    });
  });

  test.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['tool-calls', 'tool_calls'],
    ['content-filter', 'content_filter'],
    ['pause', 'stop'],
    ['error', 'length'],
  ] as const)('ends a %s with %s', (reason, word) => {
    const chunks = encode([start, { kind: 'finish', choice: 0, reason }]);
    expect(choicesOf(chunks).at(-1)!.finish_reason).toBe(word);
  });

  test('has the tier that served it', () => {
    const chunks = encode([start, { kind: 'service-tier', serviceTier: 'flex' }, stop]);
    expect(chunks.every(({ service_tier: tier }) => tier === 'flex')).toBe(true);
  });
});

describe('usage', () => {
  const answer = [start, ...part(0, { kind: 'text' }, ['Hi']), stop];
  const told = {
    prompt_tokens: 8,
    completion_tokens: 4,
    total_tokens: 12,
    prompt_tokens_details: { cached_tokens: 3, cache_write_tokens: 2 },
    completion_tokens_details: { reasoning_tokens: 1 },
    cost: 0.00001,
  };

  test('is not in the stream of a client that did not request it', () => {
    expect(encode(answer).some((chunk) => 'usage' in chunk)).toBe(false);
  });

  test('is in a separate chunk, and null in the others', () => {
    const chunks = encode(answer, context('own-event'));
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: told, cost: 0.0001 });
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
  });

  test('is in the finish of the last choice', () => {
    const both = [
      start,
      ...part(0, { kind: 'text' }, ['a']),
      ...part(0, { kind: 'text' }, ['b'], {}, 1),
      stop,
      { ...stop, choice: 1 },
    ];
    const chunks = encode(both as EncodableEvent[], context('last-event'));
    expect(chunks.at(-1)).toMatchObject({ choices: [{ index: 1, finish_reason: 'stop' }], usage: told, cost: 0.0001 });
    expect(chunks.at(-2)).toMatchObject({ choices: [{ index: 0, finish_reason: 'stop' }] });
    expect(chunks.filter((chunk) => 'usage' in chunk)).toHaveLength(1);
  });
});

describe('a stream that was decoded and encoded again', () => {
  const translation = createTranslation(
    { client: openaiChatClient.codec!, upstream: openaiChatProvider.codec! },
    { requestId: 'req_abc', createdAt: 5, clientBody: { model: 'asked' } },
    { requestId: 'req_abc' },
  );

  test.each(Object.entries(fixtures.answers))('has the same content: %s', (_name, { stream }) => {
    const { bytes, failure } = relayAll(translation.openStream(relayContext), stream);
    expect(failure).toBeUndefined();
    expect(saidIn(bytes)).toEqual(saidIn(stream));
    for (const size of [1, 7, 100])
      expect(relayAll(translation.openStream(relayContext), stream, size).bytes).toBe(bytes);
  });

  /** Deltas and ends without the role, which may come alone or with the first content. */
  function saidIn(text: string) {
    const chunks = [...eventsOf(text)].flatMap(({ data }) => (data === '[DONE]' ? [] : [JSON.parse(data!)]));
    return choicesOf(chunks).flatMap(({ index, delta, finish_reason: reason }) => {
      const { role: _, ...said } = delta as JsonObject;
      const told = Object.entries(said).filter(([, value]) => value !== null && value !== '');
      return told.length === 0 && reason === null ? [] : [{ index, told, reason }];
    });
  }
});
