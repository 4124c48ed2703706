import { describe, expect, test } from 'vitest';
import {
  openaiEmbeddingsClient,
  openaiEmbeddingsEndpoint,
  openaiEmbeddingsProvider,
} from '#src/protocols/openai-embeddings/protocol.ts';
import { relayContext } from '../openai-chat/streams.ts';

const target = { path: '/v1/embeddings', query: {} };
const read = (body: unknown) => openaiEmbeddingsClient.readRequest(body, target);
const relay = (body: string) => openaiEmbeddingsClient.passThrough.relayBody(Buffer.from(body), relayContext);

describe('an embeddings request', () => {
  test.each([
    ['a text', 'x'.repeat(40), 10],
    ['texts', ['x'.repeat(40), 'y'.repeat(8)], 12],
    ['token numbers', [1, 2, 3], 3],
    ['lists of token numbers', [[1, 2], [3]], 3],
  ])('of %s is counted', (_name, input, estimatedInputTokens) => {
    expect(read({ model: 'm', input, stream: true })).toEqual({
      model: 'm',
      alternativeModels: [],
      preferences: {},
      isStream: false,
      usageDelivery: 'none',
      estimatedInputTokens,
      maxOutputTokens: 0,
      choices: 1,
    });
  });

  test('may name other models and providers', () => {
    expect(read({ model: 'm', input: 'x', models: ['n'], provider: { only: ['p'] } })).toMatchObject({
      alternativeModels: ['n'],
      preferences: { only: ['p'] },
    });
  });

  test.each<[unknown, string, string]>([
    [{ input: 'x' }, 'model', 'parameter_missing'],
    [{ model: 'm' }, 'input', 'parameter_missing'],
    [{ model: 'm', input: '' }, 'input', 'request_invalid'],
    [{ model: 'm', input: [] }, 'input', 'request_invalid'],
    [{ model: 'm', input: [[]] }, 'input[0]', 'request_invalid'],
    [{ model: 'm', input: { text: 'x' } }, 'input', 'request_invalid'],
  ])('%j is refused', (body, param, code) => {
    expect(read(body)).toMatchObject({ code, param });
  });

  test('is sent unchanged, except for the model and Sluice’s members', () => {
    const body = Buffer.from('{"model": "m", "input": "x", "dimensions": 256, "provider": {}, "extra_body": {"y": 1}}');
    const built = openaiEmbeddingsClient.passThrough.buildBody({
      body,
      upstreamModel: 'e',
      isStream: false,
      canReportStreamUsage: true,
    });
    expect(built.toString()).toBe('{"model": "e", "input": "x", "dimensions": 256,"y":1}');
  });
});

describe('an answer with embeddings', () => {
  const data = '{"object":"list","data":[{"embedding":[0.1234567890123456789]}],"model":"e"';

  test('has the provider’s bytes with the cost added', () => {
    const { body, usage, failure } = relay(`${data},"usage":{"prompt_tokens":8,"total_tokens":8}}`);
    expect(body.toString()).toBe(`${data},"usage":{"prompt_tokens":8,"total_tokens":8,"cost":0.000008},"cost":0.0001}`);
    expect(usage).toMatchObject({ inputTokens: 8, outputTokens: 0, isEstimated: false });
    expect(failure).toBeUndefined();
  });

  test('may have only a total', () => {
    expect(relay(`${data},"usage":{"total_tokens":8}}`).usage).toMatchObject({ inputTokens: 8, isEstimated: false });
  });

  test('without usage gets Sluice’s estimate', () => {
    const { body, usage } = relay(`${data}}`);
    expect(usage).toMatchObject({ inputTokens: 8, isEstimated: true });
    expect(JSON.parse(body.toString()).usage).toEqual({ prompt_tokens: 8, total_tokens: 8, cost: 0.000008 });
  });

  test.each([
    ['an error with status 200', '{"error":{"message":"boom"}}', 'upstream_server_error'],
    ['another object', '{"ok":true}', 'upstream_malformed'],
    ['text', 'Bad gateway', 'upstream_malformed'],
  ])('that is %s is a failure', (_name, body, code) => {
    expect(relay(body).failure?.code).toBe(code);
  });
});

test('both client paths reach it, providers have one', () => {
  expect(openaiEmbeddingsEndpoint.paths).toEqual(['/v1/embeddings', '/v1/openai/embeddings']);
  expect(openaiEmbeddingsEndpoint.select(target)).toBe(openaiEmbeddingsClient);
  expect(openaiEmbeddingsProvider.path({ operation: 'embed', upstreamModel: 'e', isStream: false })).toBe(
    '/embeddings',
  );
  expect(openaiEmbeddingsProvider.name).toBe(openaiEmbeddingsClient.passThrough.upstream);
});
