import { describe, expect, test } from 'vitest';
import type { Answer } from '#src/contracts/answer.ts';
import type { Part } from '#src/contracts/inference-request.ts';
import { NO_USAGE } from '#src/contracts/usage.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { decodeChatAnswer } from '#src/protocols/openai-chat/answer/decode-answer.ts';
import { encodeChatAnswer } from '#src/protocols/openai-chat/answer/encode-answer.ts';
import { decodeMessages } from '#src/protocols/openai-chat/request/decode-messages.ts';
import { unwrapSignature } from '#src/protocols/translate/signatures.ts';
import { fixtures } from '#test/fixtures/protocols/openai-chat.ts';

function encode(answer: Answer, clientBody: JsonObject = { model: 'asked' }) {
  const context = { requestId: 'req_abc', createdAt: 5, clientBody, usageDelivery: 'none' } as const;
  return JSON.parse(encodeChatAnswer(answer, answer.usage ?? NO_USAGE, { cost: '0.00001', charge: '0.0001' }, context));
}
const answer = (parts: Part[], more: Partial<Answer['choices'][0]> = {}): Answer => ({
  id: 'v',
  model: 'answering',
  choices: [{ index: 0, parts, finishReason: 'stop', ...more }],
  usage: null,
});
const messageOf = (parts: Part[], clientBody?: JsonObject) => encode(answer(parts), clientBody).choices[0].message;
const google = { origin: 'gemini-generate-content', value: 'Cp' } as const;
const anthropic = { origin: 'anthropic-messages', value: 'EqQB' } as const;

describe('a whole completion', () => {
  test('has the request’s id, the model that answered, usage, cost and charge', () => {
    expect(encode({ ...answer([{ kind: 'text', text: 'Hi' }]), serviceTier: 'flex' })).toEqual({
      id: 'chatcmpl-abc',
      object: 'chat.completion',
      created: 5,
      model: 'answering',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hi', refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: {
        prompt_tokens: 0,
        completion_tokens: 0,
        total_tokens: 0,
        prompt_tokens_details: { cached_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 0 },
        cost: 0.00001,
      },
      service_tier: 'flex',
      cost: 0.0001,
    });
  });

  test.each<[string, Part[], object]>([
    [
      'texts, joined',
      [
        { kind: 'text', text: 'a' },
        { kind: 'text', text: 'b' },
      ],
      { content: 'ab', refusal: null },
    ],
    ['nothing', [], { content: '', refusal: null }],
    ['a refusal', [{ kind: 'refusal', text: 'No' }], { content: null, refusal: 'No' }],
    [
      'thoughts',
      [
        { kind: 'reasoning', text: 'Hm' },
        { kind: 'text', text: 'a' },
      ],
      { content: 'a', reasoning_content: 'Hm' },
    ],
    [
      'calls',
      [
        { kind: 'tool-call', id: '1', name: 'f', arguments: '{}' },
        { kind: 'tool-call', id: '2', name: 'c', arguments: 'ls', isCustom: true },
      ],
      {
        content: null,
        tool_calls: [
          { id: '1', type: 'function', function: { name: 'f', arguments: '{}' } },
          { id: '2', type: 'custom', custom: { name: 'c', input: 'ls' } },
        ],
      },
    ],
    [
      'a picture',
      [{ kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA' } }],
      { content: '', images: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } }] },
    ],
    [
      'citations, placed in the whole text',
      [
        { kind: 'text', text: 'ab' },
        { kind: 'text', text: 'cd', citations: [{ url: 'https://a.example', title: 'A' }, { citedText: 'x' }] },
      ],
      {
        content: 'abcd',
        annotations: [
          {
            type: 'url_citation',
            url_citation: { start_index: 2, end_index: 4, url: 'https://a.example', title: 'A' },
          },
        ],
      },
    ],
    [
      'sound',
      [{ kind: 'audio', format: 'wav', data: 'AA' }],
      { audio: { id: 'audio_abc', data: 'AA', expires_at: 3_605, transcript: '' } },
    ],
  ])('of %s', (_name, parts, expected) => {
    expect(messageOf(parts)).toMatchObject({ role: 'assistant', ...expected });
  });

  test('in the older format has one call', () => {
    const parts: Part[] = [{ kind: 'tool-call', id: '1', name: 'f', arguments: '{}' }];
    const [choice] = encode(answer(parts, { finishReason: 'tool-calls' }), { functions: [] }).choices;
    expect(choice).toMatchObject({
      message: { function_call: { name: 'f', arguments: '{}' } },
      finish_reason: 'function_call',
    });
    expect(choice.message).not.toHaveProperty('tool_calls');
  });

  test('has every signature where its reader expects it', () => {
    const parts: Part[] = [
      { kind: 'reasoning', text: 'Hm', signature: anthropic },
      { kind: 'reasoning', text: '', signature: anthropic, isRedacted: true },
      { kind: 'reasoning', text: '', signature: { origin: 'openai-responses', value: 'gA' }, id: 'rs_1' },
      { kind: 'text', text: 'Hi', signature: google },
      { kind: 'tool-call', id: '1', name: 'f', arguments: '{}', signature: google },
    ];
    const message = messageOf(parts);
    expect(unwrapSignature(message.reasoning_details[0].signature)).toEqual(anthropic);
    expect(decodeMessages([message]).turns).toEqual([{ role: 'assistant', parts }]);
  });

  test('has log probabilities', () => {
    const tokens = [{ token: 'a', logProbability: -1, alternatives: [{ token: 'b', logProbability: -2 }] }];
    expect(encode(answer([{ kind: 'text', text: 'a' }], { logProbabilities: tokens })).choices[0].logprobs).toEqual({
      content: [{ token: 'a', logprob: -1, bytes: null, top_logprobs: [{ token: 'b', logprob: -2, bytes: null }] }],
      refusal: null,
    });
  });

  // OpenAI does not report which stop sequence was matched.
  const answers = Object.entries(fixtures.answers).filter(([name]) => name !== 'stop-sequence');
  test.each(answers)('equals its provider’s answer: %s', (_name, { whole }) => {
    const encoded = encode(decodeChatAnswer(whole, { requestId: 'req_abc' }) as Answer);
    const { cost: _, ...usage } = encoded.usage;
    expect(encoded.choices.map(withoutEmptyContent)).toEqual((whole.choices as JsonObject[]).map(withoutEmptyContent));
    expect(usage).toEqual(whole.usage);
  });

  /** '' and null are equivalent if there is no content. */
  function withoutEmptyContent({ message, ...choice }: JsonObject) {
    return { ...choice, message: { ...(message as JsonObject), content: (message as JsonObject).content || null } };
  }
});
