import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#src/protocols/codec.ts';
import { openaiCompletionsClient, openaiCompletionsEndpoint } from '#src/protocols/openai-completions/protocol.ts';

const target = { path: '/v1/completions', query: {} };
const read = (body: unknown, path = target.path) => openaiCompletionsClient.readRequest(body, { ...target, path });
const decode = (members: JsonObject) =>
  openaiCompletionsClient.codec!.decodeRequest({ model: 'm', prompt: 'Say hi', ...members });

describe('what Sluice reads of a completions request', () => {
  test('has OpenAI’s default limit, the prompt’s size and one answer', () => {
    expect(read({ model: 'm', prompt: 'x'.repeat(40) })).toEqual({
      model: 'm',
      alternativeModels: [],
      preferences: {},
      isStream: false,
      usageDelivery: 'none',
      estimatedInputTokens: 14,
      maxOutputTokens: 16,
      choices: 1,
    });
  });

  test('counts every prompt, every choice and best_of', () => {
    expect(read({ model: 'm', prompt: ['a', 'b'], n: 2, best_of: 3, max_tokens: 10 })).toMatchObject({
      choices: 4,
      maxOutputTokens: 60,
    });
    expect(read({ model: 'm', prompt: [1, 2, 3] })).toMatchObject({ choices: 1, estimatedInputTokens: 7 });
    expect(read({ model: 'm', prompt: [[1, 2], [3]] })).toMatchObject({ choices: 2, estimatedInputTokens: 7 });
  });

  test('shows usage as the client requests, or as ImageRouter’s clients expect', () => {
    const body = { model: 'm', prompt: 'x', stream: true };
    expect(read(body)).toMatchObject({ isStream: true, usageDelivery: 'none' });
    expect(read({ ...body, stream_options: { include_usage: true } })).toMatchObject({ usageDelivery: 'own-event' });
    expect(read(body, '/v1/openai/completions')).toMatchObject({ usageDelivery: 'last-event' });
  });

  test.each<[unknown, string | undefined, string]>([
    [[], undefined, 'request_invalid'],
    [{ prompt: 'x' }, 'model', 'parameter_missing'],
    [{ model: 'm' }, 'prompt', 'parameter_missing'],
    [{ model: 'm', prompt: {} }, 'prompt', 'request_invalid'],
    [{ model: 'm', prompt: [] }, 'prompt', 'request_invalid'],
    [{ model: 'm', prompt: 'x', n: 0 }, 'n', 'request_invalid'],
  ])('%j is refused', (body, param, code) => {
    expect(read(body)).toMatchObject({ code, ...(param === undefined ? {} : { param }) });
  });
});

describe('a completions request for a chat model', () => {
  test('becomes one user turn', () => {
    const turns = [{ role: 'user', parts: [{ kind: 'text', text: 'Say hi' }] }];
    expect(decode({})).toEqual({ turns, tools: [], maxOutputTokens: 16, sampling: {}, unmapped: {} });
    expect(decode({ prompt: ['Say hi'] })).toMatchObject({ turns });
  });

  test('keeps supported members, and names the rest', () => {
    const members = {
      max_tokens: 5,
      temperature: 0.5,
      top_p: 1,
      seed: 7,
      presence_penalty: 1,
      frequency_penalty: 2,
      stop: 'END',
      n: 2,
      best_of: 2,
      user: 'u',
      logprobs: 3,
      logit_bias: { 5: 1 },
      echo: false,
      suffix: '',
      min_p: 0.1,
      extra_body: { top_a: 1 },
    };
    expect(decode(members)).toMatchObject({
      maxOutputTokens: 5,
      sampling: { temperature: 0.5, topP: 1, seed: 7, presencePenalty: 1, frequencyPenalty: 2 },
      stop: ['END'],
      choices: 2,
      endUser: 'u',
      logProbabilities: 3,
      logitBias: { 5: 1 },
      extraBody: { top_a: 1 },
      unmapped: { min_p: 0.1 },
    });
  });

  test.each<[JsonObject, string]>([
    [{ prompt: [1, 2] }, 'prompt'],
    [{ prompt: [[1, 2]] }, 'prompt'],
    [{ prompt: ['a', 'b'] }, 'prompt'],
    [{ echo: true }, 'echo'],
    [{ suffix: 'end' }, 'suffix'],
    [{ best_of: 2 }, 'best_of'],
    [{ n: 2, best_of: 3 }, 'best_of'],
  ])('%j requests something unsupported', (members, param) => {
    const failure = decode(members);
    expect(failure).toMatchObject({ code: 'parameter_unsupported', param, message: expect.any(String) });
  });

  test('has an output limit of at least one token', () => {
    expect(decode({ max_tokens: 0 })).toMatchObject({ code: 'request_invalid', param: 'max_tokens' });
  });

  test.each([
    ['messages', 'prompt'],
    ['maxOutputTokens', 'max_tokens'],
    ['choices', 'n'],
    ['logProbabilities', 'logprobs'],
    ['topP', 'top_p'],
  ] as const)('%s is %s to the client', (field, name) => {
    expect(openaiCompletionsClient.codec!.fieldName(field)).toBe(name);
  });
});

test('both paths reach it', () => {
  expect(openaiCompletionsEndpoint.paths).toEqual(['/v1/completions', '/v1/openai/completions']);
  expect(openaiCompletionsEndpoint.select(target)).toBe(openaiCompletionsClient);
});
