import { describe, expect, test } from 'vitest';
import type { Answer } from '#src/contracts/answer.ts';
import type { UsageDelivery } from '#src/protocols/codec.ts';
import { openaiChatProvider } from '#src/protocols/openai-chat/protocol.ts';
import { openaiCompletionsClient } from '#src/protocols/openai-completions/protocol.ts';
import { createTranslation } from '#src/protocols/translate/translate-answer.ts';
import {
  ANSWER,
  ANSWERING_MODEL,
  type AnswerCaseName,
  CREATED_AT,
  REASONING,
  REFUSAL,
  USAGE,
} from '#test/fixtures/protocols/fixtures.ts';
import { fixtures } from '#test/fixtures/protocols/openai-chat.ts';
import { chunk, DONE, eventsOf, relayAll, relayContext } from '../openai-chat/streams.ts';

const translation = createTranslation(
  { client: openaiCompletionsClient.codec!, upstream: openaiChatProvider.codec! },
  { requestId: 'req_abc', createdAt: 5, clientBody: { model: 'asked', prompt: 'x' } },
  { requestId: 'req_abc' },
);
const identity = { id: 'cmpl-abc', object: 'text_completion', created: CREATED_AT, model: ANSWERING_MODEL };
const cost = 0.000165;
const usage = {
  prompt_tokens: USAGE.inputTokens,
  completion_tokens: USAGE.outputTokens,
  total_tokens: USAGE.inputTokens + USAGE.outputTokens,
  cost,
};

const whole = (name: AnswerCaseName) =>
  JSON.parse(
    translation.relayBody(Buffer.from(JSON.stringify(fixtures.answers[name].whole)), relayContext).body.toString(),
  );
const streamed = (stream: string, usageDelivery: UsageDelivery = 'none', size = 0) =>
  relayAll(translation.openStream({ ...relayContext, usageDelivery }), stream, size).bytes;
const chunksOf = (text: string) =>
  [...eventsOf(text)].flatMap(({ data }) => (data === '[DONE]' ? [] : [JSON.parse(data!)]));
const choice = (text: string, finish: string | null = null) => ({
  text,
  index: 0,
  logprobs: null,
  finish_reason: finish,
});

describe('a whole completion', () => {
  test('has the text, the usage and the cost', () => {
    expect(whole('text')).toMatchObject({ ...identity, choices: [choice(ANSWER, 'stop')], usage, cost: 0.0001 });
  });

  test.each([
    ['reasoning', ANSWER, 'stop'],
    ['refusal', REFUSAL, 'stop'],
    ['truncated', 'It is sunny', 'length'],
    ['tool-call', '', 'stop'],
  ] as const)('of %s', (name, text, finish) => {
    expect(whole(name).choices).toEqual([choice(text, finish)]);
    expect(JSON.stringify(whole(name))).not.toContain(REASONING);
  });

  test('has log probabilities in the older format', () => {
    const tokens = [
      { token: 'It', logProbability: -1, alternatives: [{ token: 'It', logProbability: -1 }] },
      { token: ' is', logProbability: -2, alternatives: [{ token: ' was', logProbability: -3 }] },
    ];
    const answer: Answer = {
      id: '',
      model: '',
      choices: [
        {
          index: 0,
          parts: [{ kind: 'text', text: 'It is' }],
          finishReason: 'content-filter',
          logProbabilities: tokens,
        },
      ],
      usage: null,
    };
    const context = {
      requestId: 'req_abc',
      createdAt: 5,
      clientBody: { model: 'asked' },
      usageDelivery: 'none',
    } as const;
    const text = openaiCompletionsClient.codec!.encodeAnswer(
      answer,
      { ...USAGE, cacheWriteTokens: 0, isEstimated: false },
      { cost: '1', charge: '2' },
      context,
    );
    expect(JSON.parse(text)).toMatchObject({
      created: 5,
      model: 'asked',
      choices: [
        {
          finish_reason: 'content_filter',
          logprobs: {
            tokens: ['It', ' is'],
            token_logprobs: [-1, -2],
            top_logprobs: [{ It: -1 }, { ' was': -3 }],
            text_offset: [0, 2],
          },
        },
      ],
      cost: 2,
    });
  });
});

describe('a streamed completion', () => {
  const { stream } = fixtures.answers.text;
  const texts = [choice(ANSWER.slice(0, 7)), choice(ANSWER.slice(7)), choice('', 'stop')];

  test('consists of chunks of text and an end', () => {
    expect(chunksOf(streamed(stream))).toEqual(texts.map((entry) => ({ ...identity, choices: [entry] })));
    expect(streamed(stream).endsWith(DONE)).toBe(true);
  });

  test('has usage in a separate chunk if requested', () => {
    const chunks = chunksOf(streamed(stream, 'own-event'));
    expect(chunks.at(-1)).toMatchObject({ ...identity, choices: [], usage, cost: 0.0001 });
    expect(chunks.slice(0, -1).every((entry) => entry.usage === null)).toBe(true);
  });

  test('has usage in its last chunk for ImageRouter’s clients', () => {
    const chunks = chunksOf(streamed(stream, 'last-event'));
    expect(chunks).toHaveLength(3);
    expect(chunks[2]).toMatchObject({ choices: [choice('', 'stop')], usage, cost: 0.0001 });
  });

  test('has no thoughts', () => {
    const text = streamed(fixtures.answers.reasoning.stream);
    expect(
      chunksOf(text)
        .map(({ choices }) => choices[0].text)
        .join(''),
    ).toBe(ANSWER);
  });

  test('is the same however its provider’s bytes are split', () => {
    for (const size of [1, 2, 7, 100]) expect(streamed(stream, 'own-event', size)).toBe(streamed(stream, 'own-event'));
  });
});

test('between a client and a provider of the same format it is passed through, with the cost', () => {
  const text = (words: string, finish: string | null) =>
    chunk({ object: 'text_completion', choices: [{ text: words, index: 0, finish_reason: finish }] });
  const relay = openaiCompletionsClient.passThrough.openStream({ ...relayContext, usageDelivery: 'none' });
  const { bytes, results } = relayAll(relay, text('Hi', null) + text('', 'stop') + DONE);
  expect(bytes).toBe(text('Hi', null) + text('', 'stop') + DONE);
  expect(results[0]!.isPreamble).toBe(false);
  expect(relay.usage().outputTokens).toBe(1);
});
