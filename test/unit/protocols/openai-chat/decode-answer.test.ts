import { describe, expect, test } from 'vitest';
import type { Answer } from '#src/contracts/answer.ts';
import { decodeChatAnswer } from '#src/protocols/openai-chat/answer/decode-answer.ts';
import {
  ANSWER,
  CALL,
  CUT_ANSWER,
  REASONING,
  REFUSAL,
  SECOND_CALL,
  TOOL,
  USAGE,
} from '#test/fixtures/protocols/fixtures.ts';
import { fixtures } from '#test/fixtures/protocols/openai-chat.ts';
import { decodeAll, partsOf } from './streams.ts';

const decode = (body: unknown) => decodeChatAnswer(body, { requestId: 'req_abc' }) as Answer;
const message = (said: object, more: object = {}) =>
  decode({ id: 'c', model: 'm', choices: [{ index: 0, message: said, finish_reason: 'stop', ...more }] }).choices[0]!;
const callPart = ({ id, arguments: given }: typeof CALL | typeof SECOND_CALL) => ({
  kind: 'tool-call',
  id,
  name: TOOL.name,
  arguments: JSON.stringify(given),
});

describe('a whole answer', () => {
  test.each([
    ['text', [{ kind: 'text', text: ANSWER }], 'stop'],
    [
      'reasoning',
      [
        { kind: 'reasoning', text: REASONING },
        { kind: 'text', text: ANSWER },
      ],
      'stop',
    ],
    ['tool-call', [callPart(CALL)], 'tool-calls'],
    ['parallel-tool-calls', [callPart(CALL), callPart(SECOND_CALL)], 'tool-calls'],
    ['truncated', [{ kind: 'text', text: CUT_ANSWER }], 'length'],
    ['refusal', [{ kind: 'refusal', text: REFUSAL }], 'stop'],
  ] as const)('of %s has its parts and its finish reason', (name, parts, finishReason) => {
    expect(decode(fixtures.answers[name].whole).choices).toEqual([{ index: 0, parts, finishReason }]);
  });

  // Parts of other kinds: test/conformance/protocols/answers.test.ts.
  const texts = Object.entries(fixtures.answers).filter(([name]) => name !== 'image' && name !== 'custom-tool-call');
  test.each(texts)('of %s equals its stream', (_name, { whole, stream }) => {
    const streamed = partsOf(decodeAll(stream));
    const parts = decode(whole).choices[0]!.parts.map((part) =>
      part.kind === 'tool-call'
        ? { kind: part.kind, id: part.id, name: part.name, text: part.arguments }
        : { kind: part.kind, text: (part as { text: string }).text },
    );
    expect(parts).toEqual(streamed);
  });

  test('counts cached tokens', () => {
    expect(decode(fixtures.answers['cached-usage'].whole).usage).toMatchObject({
      inputTokens: USAGE.inputTokens,
      cachedInputTokens: USAGE.cachedInputTokens,
    });
  });

  test('has the provider’s own members', () => {
    const body = { ...fixtures.answers.text.whole, service_tier: 'flex', usage: { prompt_tokens: 1, cost: 0.5 } };
    expect(decode(body)).toMatchObject({
      serviceTier: 'flex',
      usage: { reportedCost: 500_000_000_000n, serviceTier: 'flex' },
      createdAt: expect.any(Number),
    });
  });

  test('has Mistral’s list in order', () => {
    const content = [
      { type: 'thinking', thinking: [{ type: 'text', text: 'Hm' }] },
      { type: 'text', text: '4' },
      { type: 'reference', reference_ids: [1] },
    ];
    expect(message({ content }).parts).toEqual([
      { kind: 'reasoning', text: 'Hm' },
      { kind: 'text', text: '4' },
    ]);
  });

  test('gives ids to calls without one; a signature of the message belongs to the first', () => {
    const { parts } = message({
      tool_calls: [
        { id: '', function: { name: 'f', arguments: '{}' } },
        { function: { name: 'g', arguments: { a: 1 } } },
      ],
      extra_content: { google: { thought_signature: 'Cp' } },
    });
    expect(parts).toEqual([
      {
        kind: 'tool-call',
        id: 'call_abc0',
        name: 'f',
        arguments: '{}',
        signature: { origin: 'gemini-generate-content', value: 'Cp' },
      },
      { kind: 'tool-call', id: 'call_abc1', name: 'g', arguments: '{"a":1}' },
    ]);
  });

  test('has images, citations, transcripts, log probabilities', () => {
    const choice = message(
      {
        content: 'Hi',
        annotations: [{ type: 'url_citation', url_citation: { url: 'https://a.example', title: 'A' } }],
        images: [{ image_url: { url: 'https://a.example/b.png' } }],
        audio: { id: 'x', data: 'AA', transcript: 'Hello' },
      },
      { logprobs: { content: [{ token: 'Hi', logprob: -1 }] } },
    );
    expect(choice).toMatchObject({
      parts: [
        { kind: 'text', text: 'Hi', citations: [{ url: 'https://a.example', title: 'A' }] },
        { kind: 'text', text: 'Hello' },
        { kind: 'image', source: { kind: 'url', url: 'https://a.example/b.png' } },
      ],
      logProbabilities: [{ token: 'Hi', logProbability: -1, alternatives: [] }],
    });
  });

  test.each([
    ['an error with status 200', { error: { message: 'boom' } }, 'upstream_server_error'],
    ['an error of one choice', { choices: [{ error: { code: 502, message: 'boom' } }] }, 'upstream_server_error'],
    ['another object', { ok: true }, 'upstream_malformed'],
    ['no choices', { choices: [] }, 'upstream_malformed'],
    ['text', null, 'upstream_malformed'],
    ['a list', [], 'upstream_malformed'],
  ])('that is %s is a failure', (_name, body, code) => {
    expect(decode(body)).toMatchObject({ code });
  });
});
