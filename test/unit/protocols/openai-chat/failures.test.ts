import { describe, expect, test } from 'vitest';
import { createFailure } from '#src/contracts/failure.ts';
import { FAILURES, type FailureCode } from '#src/contracts/failure-table.ts';
import { encodeChatFailure, readChatFailure, readChatRateLimits } from '#src/protocols/openai/failures.ts';

const NOW = Date.UTC(2026, 10, 20, 12);
const read = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  readChatFailure({ status, headers }, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), NOW);
const error = (members: object) => ({ error: { message: 'said', ...members } });

describe('the meaning of a provider’s error', () => {
  test.each<[string, number, unknown, FailureCode]>([
    ['a bad request', 400, error({ type: 'invalid_request_error' }), 'upstream_bad_request'],
    ['a context overflow by code', 400, error({ code: 'context_length_exceeded' }), 'upstream_context_length'],
    [
      'a context overflow by words',
      400,
      error({ message: "This model's maximum context length is 8192 tokens" }),
      'upstream_context_length',
    ],
    ['a content filter', 400, error({ code: 'content_filter' }), 'upstream_content_filter'],
    ['a rejected key', 401, error({ code: 'invalid_api_key' }), 'upstream_credential_refused'],
    ['an unpaid account', 402, error({}), 'upstream_quota_exhausted'],
    ['a forbidden project', 403, error({}), 'upstream_credential_refused'],
    ['moderation with 403', 403, error({ message: 'flagged by moderation' }), 'upstream_content_filter'],
    ['an unknown model', 404, error({ code: 'model_not_found' }), 'upstream_model_missing'],
    ['a body too large', 413, '<html>too large</html>', 'upstream_bad_request'],
    ['an unprocessable body', 422, { detail: [{ loc: ['body'], msg: 'x' }] }, 'upstream_bad_request'],
    ['a rate limit', 429, error({ type: 'tokens', code: 'rate_limit_exceeded' }), 'upstream_rate_limited'],
    ['a quota that waiting does not cure', 429, error({ code: 'insufficient_quota' }), 'upstream_quota_exhausted'],
    ['a newer spend limit', 429, error({ code: 'organization_spend_limit_exceeded' }), 'upstream_quota_exhausted'],
    ['a server error', 500, error({ type: 'server_error' }), 'upstream_server_error'],
    ['a bad gateway in HTML', 502, '<html>Bad Gateway</html>', 'upstream_server_error'],
    ['overload', 503, error({}), 'upstream_overloaded'],
    ['Anthropic’s overload status', 529, error({}), 'upstream_overloaded'],
    ['a redirect', 302, '', 'upstream_server_error'],
  ])('%s', (_name, status, body, code) => {
    expect(read(status, body)).toMatchObject({ code, upstreamStatus: status });
  });

  test('its message is passed on, its credentials are not', () => {
    const { message } = read(500, error({ message: 'Could not look up sk-proj-abcdef1234567890.' }));
    expect(message).toBe('Could not look up [redacted].');
  });

  test.each([401, 402])('%i is reported as a problem of the broker’s account', (status) => {
    const failure = read(
      status,
      error({ message: 'Incorrect API key: sk-proj-abcdef1234567890', code: 'invalid_api_key' }),
    );
    expect(failure.message).toMatch(/not the client’s. It said: Incorrect API key: \[redacted\]$/);
    const { error: shown } = JSON.parse(encodeChatFailure(failure).body.toString());
    expect(shown.code).not.toBe('invalid_api_key');
  });

  test('an error without a message gets one', () => {
    expect(read(500, '').message).toBe('The provider responded with status 500 and no message.');
  });
});

describe('how long to wait', () => {
  const limited = error({ type: 'requests', code: 'rate_limit_exceeded' });

  test.each([
    ['retry-after', limited, { 'retry-after': '7' }, 7_000],
    ['retry-after-ms', limited, { 'retry-after': '7', 'retry-after-ms': '6500' }, 6_500],
    [
      'the reset of the limit that was hit',
      limited,
      { 'x-ratelimit-reset-requests': '1m2s', 'x-ratelimit-reset-tokens': '1ms' },
      62_000,
    ],
    ['the words', error({ code: 'rate_limit_exceeded', message: 'Please try again in 1.2s.' }), {}, 1_200],
    ['nothing', limited, {}, undefined],
  ])('by %s', (_name, body, headers, expected) => {
    expect(read(429, body, headers as unknown as Record<string, string>).retryAfterMs).toBe(expected);
  });

  test('rate-limit headers are read with their units', () => {
    const headers = {
      'x-ratelimit-limit-requests': '10000',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '8.64s',
      'x-ratelimit-remaining-tokens': 'many',
      'x-ratelimit-reset-tokens': '6m0s',
    };
    expect(readChatRateLimits({ status: 200, headers }, NOW)).toEqual({
      limitRequests: 10_000,
      remainingRequests: 0,
      resetRequestsMs: 8_640,
      resetTokensMs: 360_000,
    });
  });
});

describe('the error that the client gets', () => {
  test.each(Object.keys(FAILURES) as FailureCode[])('%s has OpenAI’s format', (code) => {
    const { status, body } = encodeChatFailure(createFailure(code, 'message', { param: 'p' }));
    const { error: told } = JSON.parse(body.toString());
    expect(Object.keys(told)).toEqual(['message', 'type', 'param', 'code']);
    expect(told).toMatchObject({ message: 'message', param: 'p', type: expect.any(String) });
    expect(status).toBe(FAILURES[code].status);
  });

  test('the provider’s own code and status of a bad request are kept', () => {
    const failure = createFailure('upstream_bad_request', 'm', {
      upstreamStatus: 422,
      upstreamCode: 'string_above_max_length',
    });
    const { status, body } = encodeChatFailure(failure);
    expect(status).toBe(422);
    expect(JSON.parse(body.toString()).error.code).toBe('string_above_max_length');
  });
});
