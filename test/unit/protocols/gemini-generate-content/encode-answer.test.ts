import { describe, expect, test } from 'vitest';
import type { Answer, FinishReason } from '#src/contracts/answer.ts';
import type { Part } from '#src/contracts/inference-request.ts';
import { NO_USAGE } from '#src/contracts/usage.ts';
import type { EncodableEvent, JsonObject } from '#src/protocols/codec.ts';
import { geminiArrayClient } from '#src/protocols/gemini-generate-content/protocol.ts';
import { unwrapSignature } from '#src/protocols/translate/signatures.ts';
import { client, encodeContext } from './decoding.ts';

const shown = { cost: '0.000001', charge: '0.0001' };
const usage = { ...NO_USAGE, inputTokens: 10, cachedInputTokens: 4, outputTokens: 7, reasoningTokens: 3 };

const whole = (parts: Part[], more: Partial<Answer> = {}, finishReason: FinishReason = 'stop') => {
  const answer: Answer = { id: 'x', model: 'm', choices: [{ index: 0, parts, finishReason }], usage, ...more };
  return JSON.parse(client.encodeAnswer(answer, usage, shown, encodeContext)) as JsonObject;
};
interface Candidate extends JsonObject {
  content: { role: string; parts: JsonObject[] };
}
const candidatesOf = (body: unknown) => (body as { candidates: Candidate[] }).candidates;

describe('a whole answer', () => {
  test('has all members of Gemini’s', () => {
    expect(whole([{ kind: 'text', text: 'a' }])).toEqual({
      candidates: [{ content: { role: 'model', parts: [{ text: 'a' }] }, finishReason: 'STOP', index: 0 }],
      usageMetadata: {
        promptTokenCount: 10,
        cachedContentTokenCount: 4,
        candidatesTokenCount: 4,
        thoughtsTokenCount: 3,
        totalTokenCount: 17,
        cost: 0.000001,
      },
      modelVersion: 'm',
      responseId: 'abc',
      cost: 0.0001,
    });
  });

  test.each<[FinishReason, string]>([
    ['stop', 'STOP'],
    ['length', 'MAX_TOKENS'],
    ['tool-calls', 'STOP'],
    ['content-filter', 'SAFETY'],
    ['pause', 'STOP'],
    ['error', 'OTHER'],
  ])('%s is %s', (reason, finishReason) => {
    expect(candidatesOf(whole([], {}, reason))[0]).toMatchObject({ content: { parts: [{ text: '' }] }, finishReason });
  });

  test.each<[string, Part, JsonObject]>([
    ['a thought', { kind: 'reasoning', text: 't' }, { text: 't', thought: true }],
    ['a refusal', { kind: 'refusal', text: 'no' }, { text: 'no' }],
    [
      'an image',
      { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA==' } },
      { inlineData: { mimeType: 'image/png', data: 'AA==' } },
    ],
    [
      'a linked image',
      { kind: 'image', source: { kind: 'url', url: 'https://x.org/a' } },
      { fileData: { fileUri: 'https://x.org/a' } },
    ],
    ['sound', { kind: 'audio', format: 'wav', data: 'AA==' }, { inlineData: { mimeType: 'audio/wav', data: 'AA==' } }],
    [
      'a text with its own signature',
      { kind: 'text', text: 'a', signature: { origin: 'gemini-generate-content', value: 's' } },
      { text: 'a', thoughtSignature: 's' },
    ],
  ])('%s', (_name, part, expected) => {
    expect(candidatesOf(whole([part]))[0]!.content.parts).toEqual([expected]);
  });

  test('log probabilities, citations and the tier', () => {
    const citations = [{ url: 'https://a.org', title: 'A', startIndex: 3, endIndex: 6 }, { url: 'https://b.org' }];
    const logProbabilities = [{ token: 'a', logProbability: -1, alternatives: [{ token: 'b', logProbability: -2 }] }];
    const choice = {
      index: 0,
      finishReason: 'stop' as const,
      logProbabilities,
      parts: [{ kind: 'text' as const, text: 'Grüße', citations }],
    };
    const body = whole([], { choices: [choice], serviceTier: 'default' });
    expect(body.usageMetadata).toMatchObject({ serviceTier: 'standard' });
    expect(candidatesOf(body)[0]).toMatchObject({
      groundingMetadata: {
        groundingChunks: [{ web: { uri: 'https://a.org', title: 'A' } }, { web: { uri: 'https://b.org' } }],
        groundingSupports: [{ segment: { startIndex: 4, endIndex: 7, text: 'ße' }, groundingChunkIndices: [0] }],
      },
      logprobsResult: {
        chosenCandidates: [{ token: 'a', logProbability: -1 }],
        topCandidates: [{ candidates: [{ token: 'b', logProbability: -2 }] }],
      },
    });
  });
});

describe('other providers’ signatures are returned by the client', () => {
  const back = (parts: Part[]) => {
    const [candidate] = candidatesOf(whole(parts));
    const result = client.decodeRequest({ contents: [candidate!.content] });
    return 'turns' in result ? result.turns[0]!.parts : [];
  };
  const signature = { origin: 'anthropic-messages', value: 'abc==' } as const;

  test.each<[string, Part]>([
    ['a signed thought', { kind: 'reasoning', text: 't', signature }],
    ['a redacted thought', { kind: 'reasoning', text: '', signature, isRedacted: true }],
    [
      'a thought with an id',
      { kind: 'reasoning', text: 't', id: 'rs_1', signature: { origin: 'openai-responses', value: 'x' } },
    ],
    ['an unsigned call', { kind: 'tool-call', id: 'call_1', name: 'f', arguments: '{"a":1}' }],
    ['a signed call', { kind: 'tool-call', id: 'call_1', name: 'f', arguments: '{}', signature }],
  ])('%s', (_name, part) => {
    expect(back([part])).toEqual([part]);
  });
});

describe('a stream', () => {
  const events: EncodableEvent[] = [
    { kind: 'answer-start', id: 'x', model: 'm' },
    { kind: 'part-start', choice: 0, part: 0, start: { kind: 'reasoning' } },
    { kind: 'part-delta', choice: 0, part: 0, delta: 'think' },
    { kind: 'part-end', choice: 0, part: 0, signature: { origin: 'anthropic-messages', value: 'abc' } },
    { kind: 'part-start', choice: 0, part: 1, start: { kind: 'text' } },
    { kind: 'part-delta', choice: 0, part: 1, delta: 'Hel\nlo' },
    { kind: 'part-citation', choice: 0, part: 1, citation: { url: 'https://a.org', startIndex: 0, endIndex: 3 } },
    { kind: 'part-end', choice: 0, part: 1 },
    { kind: 'part-start', choice: 0, part: 2, start: { kind: 'tool-call', id: 'call_1', name: 'f' } },
    { kind: 'part-delta', choice: 0, part: 2, delta: '{"a"' },
    { kind: 'part-delta', choice: 0, part: 2, delta: ':1}' },
    { kind: 'part-end', choice: 0, part: 2 },
    { kind: 'finish', choice: 0, reason: 'tool-calls' },
  ];

  function encodeStream(codec = client, list = events) {
    const encoder = codec.openEncoder(encodeContext);
    const texts = list.map((item) => encoder.encode(item));
    return [...texts.filter((text) => text !== ''), encoder.end(usage, shown)];
  }
  const chunksOf = (texts: string[]) => texts.map((text) => JSON.parse(text.slice('data: '.length)));
  const partsOf = (chunks: unknown[]) => chunks.flatMap((chunk) => candidatesOf(chunk)[0]!.content.parts);

  test('has a chunk per delta, a call in one chunk, usage and finish reason in the last', () => {
    const texts = encodeStream();
    const chunks = chunksOf(texts);
    expect(texts.every((text) => /^data: [^\n]+\n\n$/.test(text))).toBe(true);
    expect(partsOf(chunks)).toMatchObject([
      { text: 'think', thought: true },
      { text: '', thought: true },
      { text: 'Hel\nlo' },
      { functionCall: { id: 'call_1', name: 'f', args: { a: 1 } } },
      { text: '' },
    ]);
    expect(unwrapSignature(partsOf(chunks)[1]!.thoughtSignature as string)).toEqual({
      origin: 'anthropic-messages',
      value: 'abc',
    });
    for (const chunk of chunks) expect(chunk).toMatchObject({ modelVersion: 'm', responseId: 'abc' });
    expect(chunks.map((chunk) => 'usageMetadata' in chunk)).toEqual([false, false, false, false, true]);
    expect(chunks.at(-1)).toMatchObject({
      candidates: [
        { finishReason: 'STOP', index: 0, groundingMetadata: { groundingChunks: [{ web: { uri: 'https://a.org' } }] } },
      ],
      usageMetadata: { promptTokenCount: 10, cost: 0.000001 },
      cost: 0.0001,
    });
  });

  test('without alt=sse is one array', () => {
    const text = encodeStream(geminiArrayClient.codec!).join('');
    expect(JSON.parse(text)).toEqual(chunksOf(encodeStream()));
  });

  test('ends several choices together', () => {
    const [last] = chunksOf(
      encodeStream(client, [
        { kind: 'finish', choice: 1, reason: 'length' },
        { kind: 'finish', choice: 0, reason: 'stop' },
      ]),
    );
    expect(candidatesOf(last)).toMatchObject([
      { index: 1, finishReason: 'MAX_TOKENS' },
      { index: 0, finishReason: 'STOP' },
    ]);
  });

  test('has an image in a separate chunk', () => {
    const value: Part = { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA==' } };
    const chunks = chunksOf(encodeStream(client, [{ kind: 'part-whole', choice: 0, part: 0, value }]));
    expect(partsOf(chunks)[0]).toEqual({ inlineData: { mimeType: 'image/png', data: 'AA==' } });
  });
});
