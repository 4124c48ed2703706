import { describe, expect, test } from 'vitest';
import { createFailure } from '#src/contracts/failure.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import {
  geminiArrayClient,
  geminiClient,
  geminiCountTokensClient,
  geminiEndpoints,
  geminiProvider,
} from '#src/protocols/gemini-generate-content/protocol.ts';
import { wrapSignature } from '#src/protocols/translate/signatures.ts';

const target = (path: string, query: Record<string, string> = {}) => ({ path, query });
const GENERATE = target('/v1beta/models/m:generateContent');
const contents = [{ role: 'user', parts: [{ text: 'Hello' }] }];

describe('the client protocol that a path selects', () => {
  const [endpoint] = geminiEndpoints;
  test.each<[string, Record<string, string>, unknown]>([
    ['/v1beta/models/m:generateContent', {}, geminiClient],
    ['/v1alpha/models/m:generateContent', { alt: 'sse' }, geminiClient],
    ['/v1beta/models/m:streamGenerateContent', { alt: 'sse' }, geminiClient],
    ['/v1beta/models/m:streamGenerateContent', {}, geminiArrayClient],
    ['/v1beta/models/m:streamGenerateContent', { alt: 'json' }, geminiArrayClient],
    ['/v1beta/models/m:countTokens', {}, geminiCountTokensClient],
    ['/v1beta/models/openai/gpt-4o:generateContent', {}, geminiClient],
    ['/v1beta/models/a%2Fb%3AgenerateContent', {}, geminiClient],
    ['/v1beta/models/m:embedContent', {}, null],
    ['/v1beta/models/m', {}, null],
    ['/v1beta/openai/gpt-4o:streamGenerateContent', { alt: 'sse' }, geminiClient],
    ['/v1/openai/gpt-4o:generateContent', {}, null],
    ['/v1beta/models/:generateContent', {}, null],
    ['/v1beta/models/%zz:generateContent', {}, null],
    ['/v1/models/m:generateContent', {}, geminiClient],
    ['/v1/models/m', {}, null],
    ['/v2/models/m:generateContent', {}, null],
  ])('%s %j', (path, query, expected) => {
    expect(endpoint!.select(target(path, query))).toBe(expected);
  });
});

describe('what Sluice reads of a request', () => {
  const read = (body: unknown, at = GENERATE) => geminiClient.readRequest(body, at);

  test('a minimal request', () => {
    expect(read({ contents })).toEqual({
      model: 'm',
      isStream: false,
      usageDelivery: 'own-event',
      estimatedInputTokens: 10,
      maxOutputTokens: null,
      choices: 1,
      alternativeModels: [],
      preferences: {},
    });
  });

  test.each([
    ['camelCase', { generationConfig: { maxOutputTokens: 5, candidateCount: 3 } }],
    ['snake_case', { generation_config: { max_output_tokens: 5, candidate_count: 3 } }],
  ])('everything, in %s', (_name, config) => {
    const body = {
      contents,
      ...config,
      models: ['a'],
      provider: { order: ['x'], only: ['x', 'y'], ignore: ['z'], allow_fallbacks: false },
    };
    expect(read(body, target('/v1beta/models/openai%2Fgpt-4o:streamGenerateContent'))).toMatchObject({
      model: 'openai/gpt-4o',
      isStream: true,
      maxOutputTokens: 15,
      choices: 3,
      alternativeModels: ['a'],
      preferences: { order: ['x'], only: ['x', 'y'], ignore: ['z'], allowFallbacks: false },
    });
  });

  test('long prompts, images, files, instructions and tools are counted', () => {
    const tokens = (more: object) => {
      const facts = read({ contents, ...more });
      return 'estimatedInputTokens' in facts ? facts.estimatedInputTokens : Number.NaN;
    };
    const part = (value: object) => tokens({ contents: [{ parts: [value] }] });
    expect(part({ text: 'x'.repeat(400) })).toBe(108);
    expect(part({ inlineData: { mimeType: 'image/png', data: 'x'.repeat(9_999) } })).toBe(808);
    expect(part({ inline_data: { mime_type: 'application/pdf', data: 'x'.repeat(4_000) } })).toBe(108);
    expect(part({ inlineData: { mimeType: 'text/plain', data: 'x'.repeat(400) } })).toBe(83);
    expect(part({ fileData: { fileUri: 'https://x.org/a' } })).toBe(808);
    expect(part({ functionCall: { name: 'f', args: {} } })).toBeGreaterThan(8);
    expect(tokens({ system_instruction: { parts: [{ text: 'x'.repeat(40) }] } })).toBe(24);
    expect(tokens({ tools: [{ googleSearch: {} }] })).toBeGreaterThan(10);
  });

  test.each<[string, unknown, object]>([
    ['no object', [], { code: 'request_invalid' }],
    ['no contents', {}, { code: 'parameter_missing', param: 'contents', message: 'contents is not specified.' }],
    ['empty contents', { contents: [] }, { code: 'request_invalid', param: 'contents' }],
    ['a wrong content', { contents: ['hi'] }, { code: 'request_invalid', param: 'contents[0]' }],
    [
      'a wrong limit',
      { contents, generationConfig: { maxOutputTokens: 'many' } },
      { param: 'generationConfig.maxOutputTokens' },
    ],
    ['a wrong extension', { contents, models: 'a' }, { code: 'request_invalid', param: 'models' }],
  ])('%s is refused', (_name, body, expected) => {
    expect(read(body)).toMatchObject(expected);
  });

  test('token counting accepts contents or a request', () => {
    const at = target('/v1beta/models/m:countTokens');
    const facts = geminiCountTokensClient.readRequest({ generateContentRequest: { model: 'models/m', contents } }, at);
    expect(facts).toEqual(geminiCountTokensClient.readRequest({ contents }, at));
    if ('code' in facts) throw new Error(facts.message);
    const { body } = geminiCountTokensClient.answerLocally!(facts);
    expect(JSON.parse(body.toString())).toEqual({ totalTokens: 10 });
  });
});

describe('the body for a Gemini provider', () => {
  const build = (body: string, client = geminiClient) =>
    client.passThrough
      .buildBody({ body: Buffer.from(body), upstreamModel: 'up', isStream: false, canReportStreamUsage: true })
      .toString();

  test('has the client’s bytes', () => {
    const body = '{ "contents" : [], "x":1e400, "seed":12345678901234567890}';
    expect(build(body)).toBe(body);
  });

  test('has no members of Sluice, but those of extra_body', () => {
    const body =
      '{"model":"models/m","contents":[],"models":["a"],"provider":{},"labels":{"a":"b"},"extra_body":{"labels":{},"new":1}}';
    expect(build(body)).toBe('{"contents":[],"labels":{},"new":1}');
  });

  test('has the provider’s model if a token count names one', () => {
    const body = '{"generateContentRequest":{"model":"models/m","contents":[],"models":[]}}';
    expect(build(body, geminiCountTokensClient)).toBe('{"generateContentRequest":{"contents":[],"model":"models/up"}}');
  });

  test('has no signatures of other providers', () => {
    const foreign = wrapSignature({ origin: 'anthropic-messages', value: 'x' });
    const own = wrapSignature({ origin: 'gemini-generate-content', value: 'c2ln' });
    const model = (...parts: JsonObject[]) => ({ role: 'model', parts });
    const body = {
      contents: [
        model({ text: 'th', thought: true }),
        model({ text: 'ink', thought: true, thoughtSignature: foreign }, { text: 'a', thoughtSignature: foreign }),
        model({ functionCall: { name: 'f' }, thought_signature: foreign }, { text: 'b', thoughtSignature: own }),
        model({ text: 'mine', thought: true }, { text: 'c', thoughtSignature: 'AAAA' }),
      ],
    };
    expect(JSON.parse(build(JSON.stringify(body)))).toEqual({
      contents: [
        model({ text: 'a' }),
        model(
          { functionCall: { name: 'f' }, thoughtSignature: 'skip_thought_signature_validator' },
          { text: 'b', thoughtSignature: 'c2ln' },
        ),
        model({ text: 'mine', thought: true }, { text: 'c', thoughtSignature: 'AAAA' }),
      ],
    });
  });
});

describe('the provider’s address', () => {
  test.each([
    ['generate', false, '/v1beta/models/a%2Fb:generateContent'],
    ['generate', true, '/v1beta/models/a%2Fb:streamGenerateContent?alt=sse'],
    ['count-tokens', false, '/v1beta/models/a%2Fb:countTokens'],
  ] as const)('%s, streamed %s', (operation, isStream, path) => {
    expect(geminiProvider.path({ operation, upstreamModel: 'a/b', isStream })).toBe(path);
  });

  test('its key is sent in a header', () => {
    expect(geminiProvider.credentialHeaders('k')).toEqual({ 'x-goog-api-key': 'k' });
    expect(geminiClient.credentialPlaces).toEqual([{ header: 'x-goog-api-key' }, { query: 'key' }]);
  });
});

test('an array ends with the error, whether it has begun or not', () => {
  const failure = createFailure('deadline_passed', 'Too late.');
  const tail = (isFirst: boolean) => geminiArrayClient.encodeFailureEvent(failure, 'req_abc', isFirst).toString();
  expect(JSON.parse(`\n\n${tail(true)}`)).toMatchObject([{ error: { code: 504 } }]);
  expect(JSON.parse(`[{}\n${tail(false)}`)).toMatchObject([{}, { error: { status: 'DEADLINE_EXCEEDED' } }]);
});
