import { describe, expect, test } from 'vitest';
import { isFailure } from '#src/contracts/failure.ts';
import { NO_USAGE } from '#src/contracts/usage.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { collectAnswer } from '#src/protocols/gemini-generate-content/answer/decode-answer.ts';
import {
  ANSWER,
  CALL,
  CUT_ANSWER,
  MODEL,
  REASONING,
  REFUSAL,
  SECOND_CALL,
  TOOL,
  USAGE,
} from '#test/fixtures/protocols/fixtures.ts';
import { fixtures } from '#test/fixtures/protocols/gemini-generate-content.ts';
import { client, decodeStream, encodeContext, vendor } from './decoding.ts';

describe('a request is unchanged by decoding and encoding', () => {
  // With the model that `reasoning-off` is for: test/conformance/protocols/requests.test.ts.
  const requests = Object.entries(fixtures.requests).filter(([name]) => name !== 'reasoning-off');
  test.each(requests)('%s', (_name, body) => {
    const canonical = client.decodeRequest(body);
    if (isFailure(canonical)) throw new Error(canonical.message);
    expect(canonical.unmapped).toEqual({});
    const encoded = vendor.encodeRequest(canonical, {
      upstreamModel: MODEL,
      isStream: false,
      canReportStreamUsage: true,
    });
    expect(encoded).toEqual({ kind: 'request', body, dropped: [] });
  });
});

const text = { kind: 'text', text: ANSWER };
const calls = [CALL, SECOND_CALL].map((call) => ({
  kind: 'tool-call',
  id: call.id,
  name: TOOL.name,
  arguments: JSON.stringify(call.arguments),
}));
const EXPECTED: Record<string, object> = {
  text: { parts: [text], finishReason: 'stop' },
  reasoning: { parts: [{ kind: 'reasoning', text: REASONING }, text], finishReason: 'stop' },
  'tool-call': { parts: calls.slice(0, 1), finishReason: 'tool-calls' },
  'parallel-tool-calls': { parts: calls, finishReason: 'tool-calls' },
  truncated: { parts: [{ kind: 'text', text: CUT_ANSWER }], finishReason: 'length' },
  refusal: { parts: [{ kind: 'refusal', text: REFUSAL }], finishReason: 'content-filter' },
  'cached-usage': { parts: [text], finishReason: 'stop' },
};

const answers = Object.entries(fixtures.answers).filter(([name]) => name in EXPECTED);

describe.each(answers)('answer %s', (name, { whole, stream }) => {
  const usage = {
    ...NO_USAGE,
    inputTokens: USAGE.inputTokens,
    outputTokens: USAGE.outputTokens,
    cachedInputTokens: name === 'cached-usage' ? USAGE.cachedInputTokens : 0,
    reasoningTokens: name === 'reasoning' ? USAGE.reasoningTokens : 0,
  };

  test('whole', () => {
    const answer = vendor.decodeAnswer(whole, { requestId: 'req_abc' });
    expect(answer).toMatchObject({ choices: [{ index: 0, ...EXPECTED[name] }], usage });
  });

  test('as a stream it is the same, wherever it is split', () => {
    const events = decodeStream(stream);
    expect(collectAnswer(events)).toEqual(vendor.decodeAnswer(whole, { requestId: 'req_abc' }));
    for (let size = 1; size < stream.length; size++) expect(decodeStream(stream, size)).toEqual(events);
  });

  test('encoded for a client it has the same content', () => {
    const answer = vendor.decodeAnswer(whole, { requestId: 'req_abc' });
    if (isFailure(answer)) throw new Error(answer.message);
    const json = JSON.parse(
      client.encodeAnswer(answer, usage, { cost: '0.5', charge: '0.6' }, encodeContext),
    ) as JsonObject;
    expect(json).toMatchObject({ cost: 0.6, usageMetadata: { cost: 0.5 }, responseId: 'abc' });
    const again = vendor.decodeAnswer(json, { requestId: 'req_abc' });
    if (isFailure(again)) throw new Error(again.message);
    expect(again.usage).toEqual(usage);
    // A refusal is a text to Gemini's clients.
    const parts = answer.choices[0]!.parts.map((part) =>
      part.kind === 'refusal' ? { kind: 'text', text: part.text } : part,
    );
    expect(again.choices).toEqual([{ ...answer.choices[0], parts }]);
  });
});
