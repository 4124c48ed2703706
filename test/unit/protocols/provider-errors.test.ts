// Information that providers send outside the status: every protocol reads it in the same way, before a stream and inside
// one.
import { describe, expect, test } from 'vitest';
import { type Failure, isFailure } from '#src/contracts/failure.ts';
import type { FailureCode } from '#src/contracts/failure-table.ts';
import { readMessagesEventFailure, readMessagesFailure } from '#src/protocols/anthropic-messages/failures.ts';
import { readGeminiEventFailure, readGeminiFailure } from '#src/protocols/gemini-generate-content/failures.ts';
import { readChatEventFailure, readChatFailure } from '#src/protocols/openai/failures.ts';
import { readResponsesEventFailure } from '#src/protocols/openai-responses/failures.ts';
import { parseSpokenWait } from '#src/protocols/providers/waits.ts';
import { knownByWords, limitedBy } from '#src/protocols/providers/words.ts';

const NOW = Date.UTC(2026, 10, 20, 12);
const READERS = { chat: readChatFailure, messages: readMessagesFailure, gemini: readGeminiFailure };
type Reader = keyof typeof READERS;
const NAMES = Object.keys(READERS) as Reader[];
const read = (reader: Reader, status: number, body: unknown, headers: Record<string, string> = {}): Failure =>
  READERS[reader]({ status, headers }, Buffer.from(JSON.stringify(body)), NOW);

const XAI_KEY = 'Incorrect API key provided: xa***9f. You can obtain an API key from https://console.x.ai.';

describe('refusals with a misleading status', () => {
  test.each<[string, number, unknown, FailureCode]>([
    [
      'xAI: a wrong key',
      400,
      { code: 'Client specified an invalid argument', error: XAI_KEY },
      'upstream_credential_refused',
    ],
    [
      'xAI: a wrong key, percent-encoded',
      400,
      { code: 'x', error: XAI_KEY.replaceAll(' ', '%20') },
      'upstream_credential_refused',
    ],
    [
      'Google’s OpenAI endpoint: a wrong key, in a list',
      400,
      [
        {
          error: { code: 400, message: 'API key not valid. Please pass a valid API key.', status: 'INVALID_ARGUMENT' },
        },
      ],
      'upstream_credential_refused',
    ],
    [
      'OpenAI Responses: no such model',
      400,
      {
        error: {
          message: "The requested model 'x' does not exist.",
          type: 'invalid_request_error',
          param: 'model',
          code: 'model_not_found',
        },
      },
      'upstream_model_missing',
    ],
    [
      'OpenAI: a model that the project may not use',
      403,
      { error: { message: 'Project `p` does not have access to model `x`', code: 'model_not_found' } },
      'upstream_model_missing',
    ],
    [
      'DeepSeek: no such model',
      400,
      { error: { message: 'Model Not Exist', type: 'invalid_request_error' } },
      'upstream_model_missing',
    ],
    [
      'OpenRouter: no such model',
      400,
      { error: { message: 'a/b:free is not a valid model ID', code: 400 } },
      'upstream_model_missing',
    ],
    [
      'Mistral: no such model',
      400,
      { object: 'error', message: 'Invalid model: x', type: 'invalid_model', code: '1500' },
      'upstream_model_missing',
    ],
    [
      'Groq: a model that is gone',
      400,
      {
        error: {
          message: 'The model `x` has been decommissioned and is no longer supported.',
          code: 'model_decommissioned',
        },
      },
      'upstream_model_missing',
    ],
    [
      'LiteLLM: no such model',
      400,
      { error: { message: 'Invalid model name passed in model=x.' } },
      'upstream_model_missing',
    ],
    [
      'xAI: no credits',
      403,
      { code: 'x', error: 'Your team has either used all available credits or reached its monthly spending limit.' },
      'upstream_quota_exhausted',
    ],
    [
      'DashScope: arrears',
      400,
      { error: { code: 'Arrearage', message: 'Access denied.' } },
      'upstream_quota_exhausted',
    ],
    [
      'Moonshot: no balance',
      429,
      { error: { type: 'exceeded_current_quota_error', message: 'm' } },
      'upstream_quota_exhausted',
    ],
    ['DeepSeek: a filter', 400, { error: { message: 'Content Exists Risk' } }, 'upstream_content_filter'],
    ['xAI: a filter', 403, { code: 'x', error: 'Content violates usage guidelines.' }, 'upstream_content_filter'],
    [
      'xAI: too long',
      400,
      { error: "This model's maximum prompt length is 131072 but the request contains 200000 tokens." },
      'upstream_context_length',
    ],
    // What is only like them.
    [
      'a parameter of a model',
      400,
      { error: { message: 'This model does not support the parameter x.' } },
      'upstream_bad_request',
    ],
    [
      'an invalid value',
      400,
      { error: { message: 'Invalid model output format.', param: 'text' } },
      'upstream_bad_request',
    ],
    ['a file that is not there', 400, { error: { message: 'No such File object: file-1' } }, 'upstream_bad_request'],
    [
      'a server that cannot',
      500,
      { error: { message: 'The model was not found in the cache.' } },
      'upstream_server_error',
    ],
  ])('%s', (_name, status, body, code) => {
    expect(read('chat', status, body).code).toBe(code);
  });

  test.each(NAMES)('%s: a wrong key and an unknown model, whatever the status', (reader) => {
    expect(read(reader, 400, { error: { message: XAI_KEY } }).code).toBe('upstream_credential_refused');
    const missing = { error: { message: 'The model `x` does not exist.', type: 'invalid_request_error' } };
    expect(read(reader, 400, missing).code).toBe('upstream_model_missing');
  });

  test('also inside a stream', () => {
    expect(readChatEventFailure({ message: XAI_KEY }).code).toBe('upstream_credential_refused');
    expect(readResponsesEventFailure({ error: { code: 'x', message: XAI_KEY } }).code).toBe(
      'upstream_credential_refused',
    );
    expect(readMessagesEventFailure({ error: { message: XAI_KEY } }).code).toBe('upstream_credential_refused');
    expect(readGeminiEventFailure({ code: 400, message: XAI_KEY }).code).toBe('upstream_credential_refused');
  });
});

// Symptom: a client that referred to a deleted file took the model out of rotation for all. Cause: every 404 was a missing
// model, which counts against the deployment. Fix: a 404 about something else is the client's own error.
describe('a 404 about something that the request refers to', () => {
  test.each([
    ['OpenAI: a vector store', { message: 'Vector store with id vs_1 not found.', code: null }],
    ['OpenAI: a conversation', { message: "Conversation with id 'conv_1' not found.", code: 'conversation_not_found' }],
    ['OpenAI: a file', { message: 'No such File object: file-1', code: null }],
    [
      'OpenAI: an item',
      { message: "Item with id 'rs_1' not found. Items are not persisted when store is false.", code: null },
    ],
    ['Anthropic: a file', { message: 'File not found: file_1', type: 'not_found_error' }],
    ['Anthropic: a file that is not there', { message: 'The file file_1 does not exist.', type: 'not_found_error' }],
    ['Google: a cache', { message: 'Cached content cachedContents/1 not found', status: 'NOT_FOUND', code: 404 }],
  ])('%s', (_, error) => {
    for (const reader of NAMES) expect(read(reader, 404, { error }).code, reader).toBe('upstream_bad_request');
  });

  test.each([
    'The model `file-reader` does not exist or you do not have access to it.',
    'The API deployment for this resource does not exist.',
    'Requested entity was not found.',
    'models/x is not found for API version v1beta',
    'Not Found',
    'Cannot POST /v1/responses/compact: not found',
  ])('but not about the model: %s', (message) => {
    for (const reader of NAMES)
      expect(read(reader, 404, { error: { message } }).code, reader).toBe('upstream_model_missing');
  });
});

describe('what the client learns of the broker’s account', () => {
  test.each([
    XAI_KEY,
    'Incorrect API key provided: sk-abc***. You can find your API key at https://platform.openai.com/account/api-keys.',
    'API key not valid. Please pass a valid API key.',
    'API key expired. Please renew the API key.',
    'Invalid API key. Get one at console.groq.com/keys',
  ])('%s', (message) => {
    for (const reader of NAMES) {
      const failure = read(reader, 401, { error: { message } });
      expect(failure.message).toMatch(/^The provider refused the broker’s own key, not the client’s\./);
      expect(failure.message).not.toMatch(/https?:|console|platform|obtain|find your|please|get one/i);
    }
  });

  test('it is not told to top up an account that is not its own', () => {
    const message = 'You exceeded your current quota, please check your plan and billing details. See https://x.y/z.';
    const failure = read('chat', 429, { error: { message, code: 'insufficient_quota' } });
    expect(failure.message).toMatch(/not the client’s. It said: You exceeded your current quota$/);
  });

  test('nor to use another key for a missing model', () => {
    const message =
      'The model x does not exist or your team has no access. Please ensure you’re using the correct API key.';
    const failure = read('chat', 404, { error: message });
    expect(failure).toMatchObject({
      code: 'upstream_model_missing',
      message: 'The model x does not exist or your team has no access.',
    });
  });
});

describe('waits in response bodies', () => {
  const type = (name: string) => `type.googleapis.com/google.rpc.${name}`;
  const google = (...details: object[]) => ({
    error: { code: 429, message: 'Resource exhausted.', status: 'RESOURCE_EXHAUSTED', details },
  });
  const retryInfo = { '@type': type('RetryInfo'), retryDelay: '53.5s' };

  test.each(NAMES)('%s: RetryInfo, in an object and in a list', (reader) => {
    expect(read(reader, 429, google(retryInfo)).retryAfterMs).toBe(53_500);
    expect(read(reader, 429, [google(retryInfo)]).retryAfterMs).toBe(53_500);
    const asObject = { ...retryInfo, retryDelay: { seconds: '3', nanos: 500_000_000 } };
    expect(read(reader, 503, google(asObject)).retryAfterMs).toBe(3_500);
  });

  test.each(NAMES)('%s: text', (reader) => {
    expect(read(reader, 429, { error: { message: 'Please retry in 3.2s.' } }).retryAfterMs).toBe(3_200);
    expect(read(reader, 429, { error: { message: 'Try again in 1m2s.' } }).retryAfterMs).toBe(62_000);
  });

  test.each(NAMES)('%s: X-RateLimit-Reset in epoch seconds and milliseconds, retry-after-ms, a date', (reader) => {
    const limited = { error: { message: 'Rate limit exceeded' } };
    const by = (headers: Record<string, string>) => read(reader, 429, limited, headers).retryAfterMs;
    expect(by({ 'x-ratelimit-reset': String(NOW + 30_000) })).toBe(30_000);
    expect(by({ 'x-ratelimit-reset': String(NOW / 1_000 + 30) })).toBe(30_000);
    expect(by({ 'retry-after-ms': '1500' })).toBe(1_500);
    expect(by({ 'retry-after': 'Fri, 20 Nov 2026 12:00:30 GMT' })).toBe(30_000);
  });

  test('OpenRouter has the headers of its limit in the body', () => {
    const metadata = { headers: { 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': String(NOW + 45_000) } };
    const body = { error: { message: 'Rate limit exceeded: free-models-per-min.', code: 429, metadata } };
    expect(read('chat', 429, body).retryAfterMs).toBe(45_000);
  });

  test('also inside a stream', () => {
    const { error } = google(retryInfo);
    const failures = [
      readChatEventFailure(error),
      readMessagesEventFailure({ error: { type: 'rate_limit_error', message: 'Retry in 53.5s.' } }),
      readGeminiEventFailure(error),
    ];
    expect(failures.filter(isFailure).map(({ retryAfterMs }) => retryAfterMs)).toEqual([53_500, 53_500, 53_500]);
  });

  test('texts about errors that waiting does not resolve are not read as a wait', () => {
    expect(read('chat', 400, { error: { message: 'To retry in 5s use backoff.' } })).not.toHaveProperty('retryAfterMs');
  });

  test.each(NAMES)('%s: the limit applies to the model, unless the provider names its account', (reader) => {
    const quota = (quotaId: string) => google({ '@type': type('QuotaFailure'), violations: [{ quotaId }] });
    const limits = (body: unknown) => read(reader, 429, body).limits;
    expect(limits(quota('GenerateRequestsPerMinutePerProjectPerModel-FreeTier'))).toBeUndefined();
    expect(limits(quota('GenerateRequestsPerMinutePerProject'))).toBe('credential');
    expect(
      limits({ error: { message: 'Rate limit reached for gpt-4o in organization org-1 on tokens per min.' } }),
    ).toBeUndefined();
    expect(limits({ error: { message: 'You have reached the rate limit of your account.' } })).toBe('credential');
    expect(limits({ error: { message: 'Rate limit exceeded' } })).toBeUndefined();
  });
});

// A pattern that examines a character more than once needs minutes for these; a linear one needs milliseconds.
describe('a message of any length is read quickly', () => {
  const HOSTILE = [
    ...[
      'blocked by ',
      'violat',
      'violat ',
      'usage limit ',
      'spending cap ',
      'the ',
      'this model ',
      'model ',
      'a',
      'a-',
    ],
    ...[
      'reached your ',
      'sk-',
      'Bearer ',
      'a***',
      '****a',
      'wait 1',
      'retry in 1m',
      'please, ',
      '. ',
      '\n',
      'thinking ',
    ],
    ...['token count ', 'for your ', 'your key ', '%20', 'insufficient ', 'invalid signature in thinking blocks ', '`'],
  ];
  const ofLength = (length: number) => HOSTILE.map((seed) => [seed, seed.repeat(length / seed.length)] as const);

  test.each(ofLength(20_000))('made of %j', (_seed, message) => {
    for (const reader of NAMES) {
      for (const status of [400, 403, 429, 500]) {
        const failure = read(reader, status, { error: { message, code: message, type: message, param: message } });
        expect(failure.message.length).toBeLessThan(2_200);
        expect(failure.upstreamCode?.length ?? 0).toBeLessThanOrEqual(200);
        expect(failure.param?.length ?? 0).toBeLessThanOrEqual(200);
      }
    }
    for (const readEvent of [readChatEventFailure, readMessagesEventFailure, readResponsesEventFailure]) {
      expect(readEvent({ error: { message, code: message } }).message.length).toBeLessThan(2_200);
    }
    expect(readGeminiEventFailure({ message, status: message, code: 400 }).message.length).toBeLessThan(2_200);
  });

  test.each(ofLength(1_000_000))('by the patterns alone, without truncation: %j', (_seed, message) => {
    knownByWords(400, { code: '', type: '', message });
    limitedBy({}, message);
    parseSpokenWait(message);
  });

  test('if nested too deeply to be printed', () => {
    const body = `{"detail":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
    expect(readChatFailure({ status: 422, headers: {} }, Buffer.from(body), NOW).code).toBe('upstream_bad_request');
  });
});
