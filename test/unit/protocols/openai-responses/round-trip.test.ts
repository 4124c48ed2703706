import { describe, expect, test } from 'vitest';
import type { Answer } from '#src/contracts/answer.ts';
import { isFailure } from '#src/contracts/failure.ts';
import type { InferenceRequest, Part } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { openaiResponsesClient, openaiResponsesProvider } from '#src/protocols/openai-responses/protocol.ts';
import type { RelayContext } from '#src/protocols/protocol.ts';
import { createTranslation } from '#src/protocols/translate/translate-answer.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { fixtures } from '#test/fixtures/protocols/openai-responses.ts';

const client = openaiResponsesClient.codec!;
const vendor = openaiResponsesProvider.codec!;
const context: RelayContext = {
  ...{ usageDelivery: 'own-event', choices: 1, estimatedInputTokens: 8 },
  priceUsage: () => ({ cost: '0.00001', charge: '0.0001' }),
};
const translation = createTranslation(
  { client, upstream: vendor },
  { requestId: 'req_abc', createdAt: 1, clientBody: { model: 'm' } },
  { requestId: 'req_abc' },
);

function decode(body: JsonObject): InferenceRequest {
  const request = client.decodeRequest(body);
  if (isFailure(request)) throw new Error(request.message);
  return request;
}

function encode(request: InferenceRequest): JsonObject {
  const input = { upstreamModel: 'some-model', isStream: false, canReportStreamUsage: true };
  const encoded = vendor.encodeRequest(request, input);
  if (encoded.kind === 'refusal') throw new Error(encoded.reason);
  expect(encoded.dropped).toEqual([]);
  return encoded.body;
}

describe('a request is unchanged by decoding and encoding', () => {
  // Cache breakpoints are not sent.
  const requests = Object.entries(fixtures.requests).filter(([name]) => name !== 'cache-breakpoint');
  test.each(requests)('%s', (_name, body) => {
    const request = decode(body);
    expect(request.unmapped).toEqual({});
    expect(decode(encode(request))).toEqual(request);
  });
});

/** Ids of items are the broker's own after a translation; a provider of this protocol identifies its reasoning by them. */
function withoutIds(parts: readonly Part[]): object[] {
  return parts.map((part) => (part.kind === 'reasoning' ? { ...part, id: undefined } : part));
}

function relayStream(text: string): string {
  const stream = translation.openStream(context);
  const events = new SseSplitter().push(Buffer.from(text));
  const relayed = [...events.map((event) => stream.accept(event)), stream.end()];
  expect(relayed.find((event) => event.failure)).toBeUndefined();
  return relayed.map((event) => event.bytes?.toString() ?? '').join('');
}

const finalOf = (stream: string): JsonObject =>
  JSON.parse(new SseSplitter().push(Buffer.from(stream)).at(-1)!.data!).response as JsonObject;

describe('an answer is unchanged by decoding and encoding', () => {
  test.each(Object.entries(fixtures.answers))('%s', (_name, { whole, stream }) => {
    const streamed = finalOf(relayStream(stream));
    const { body } = translation.relayBody(Buffer.from(JSON.stringify(whole)), context);
    // Streamed or not, the client gets the same.
    expect(JSON.parse(body.toString())).toEqual(streamed);
    const before = vendor.decodeAnswer(whole, { requestId: 'req_abc' }) as Answer;
    const after = vendor.decodeAnswer(streamed, { requestId: 'req_abc' }) as Answer;
    expect(withoutIds(after.choices[0]!.parts)).toEqual(withoutIds(before.choices[0]!.parts));
    expect(after.choices[0]!.finishReason).toBe(before.choices[0]!.finishReason);
    // It includes the broker's own cost.
    const { reportedCost: _, ...counts } = after.usage!;
    expect({ reportedCost: before.usage!.reportedCost, ...counts }).toEqual(before.usage);
  });
});

describe('the content of an answer is returned by the next request', () => {
  const claude = { origin: 'anthropic-messages', value: 'Q2xhdWRl' } as const;
  const gemini = { origin: 'gemini-generate-content', value: 'R2VtaW5p' } as const;
  test.each<[string, Part[]]>([
    [
      'Claude’s thoughts, shown and hidden',
      [
        { kind: 'reasoning', text: 'Hm', signature: claude },
        { kind: 'reasoning', text: '', signature: claude },
        { kind: 'reasoning', text: '', signature: claude, isRedacted: true },
        { kind: 'text', text: 'Yes.' },
      ],
    ],
    [
      'Gemini’s signatures of parallel and later calls, and of the last, empty text',
      [
        { kind: 'reasoning', text: 'Hm' },
        { kind: 'text', text: 'One moment.', signature: gemini },
        { kind: 'tool-call', id: 'c1', name: 'f', arguments: '{}', signature: gemini },
        { kind: 'tool-call', id: 'c2', name: 'f', arguments: '{}' },
        { kind: 'text', text: '', signature: { ...gemini, value: 'TGFzdA==' } },
      ],
    ],
    [
      'an image with its signature',
      [{ kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AAAA' }, signature: gemini }],
    ],
    ['a free text', [{ kind: 'tool-call', id: 'c1', name: 'f', arguments: 'free', isCustom: true }]],
  ])('%s', (_name, parts) => {
    const answer: Answer = { id: 'x', model: 'm', choices: [{ index: 0, parts, finishReason: 'stop' }], usage: null };
    const encodeContext = { requestId: 'req_abc', createdAt: 1, clientBody: {}, usageDelivery: 'own-event' as const };
    const usage = { inputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0, reasoningTokens: 0 };
    const text = client.encodeAnswer(
      answer,
      { ...usage, isEstimated: false },
      { cost: '0', charge: '0' },
      encodeContext,
    );
    const { turns } = decode({ model: 'm', input: JSON.parse(text).output });
    expect(turns.map((turn) => turn.role)).toEqual(['assistant']);
    expect(withoutIds(turns[0]!.parts)).toEqual(withoutIds(parts));
  });
});
