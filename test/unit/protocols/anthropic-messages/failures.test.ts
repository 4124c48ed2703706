import { describe, expect, test } from 'vitest';
import { createFailure } from '#src/contracts/failure.ts';
import { FAILURES, type FailureCode } from '#src/contracts/failure-table.ts';
import {
  encodeMessagesFailure,
  encodeMessagesFailureEvent,
  readMessagesFailure,
  readMessagesRateLimits,
} from '#src/protocols/anthropic-messages/failures.ts';

const NOW = Date.UTC(2026, 10, 20, 12);
const read = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  readMessagesFailure({ status, headers }, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), NOW);
const error = (type: string, message = 'said', code?: string) => ({
  type: 'error',
  error: { type, message, ...(code === undefined ? {} : { details: { error_code: code } }) },
  request_id: 'req_1',
});

describe('the meaning of a provider’s error', () => {
  test.each<[string, number, unknown, FailureCode]>([
    ['a bad request', 400, error('invalid_request_error'), 'upstream_bad_request'],
    [
      'a prompt that is too long',
      400,
      error('invalid_request_error', 'prompt is too long: 210000 tokens > 200000 maximum'),
      'upstream_context_length',
    ],
    [
      'a prompt and an answer that are too long together',
      400,
      error('invalid_request_error', 'input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000'),
      'upstream_context_length',
    ],
    [
      'a filtered answer',
      400,
      error('invalid_request_error', 'Output blocked by content filtering policy'),
      'upstream_content_filter',
    ],
    [
      'a balance that is used up',
      400,
      error('invalid_request_error', 'Your credit balance is too low to access the Anthropic API.'),
      'upstream_quota_exhausted',
    ],
    [
      'a limit that the customer has set',
      400,
      error('invalid_request_error', 'You have reached your specified API usage limits.'),
      'upstream_quota_exhausted',
    ],
    ['a rejected key', 401, error('authentication_error', 'invalid x-api-key'), 'upstream_credential_refused'],
    ['an unpaid account', 402, error('billing_error'), 'upstream_quota_exhausted'],
    ['a forbidden model', 403, error('permission_error'), 'upstream_credential_refused'],
    ['an unknown model', 404, error('not_found_error', 'model: claude-9'), 'upstream_model_missing'],
    ['a conflict', 409, error('conflict_error'), 'upstream_server_error'],
    ['a body that is too large', 413, error('request_too_large'), 'upstream_bad_request'],
    ['the same from the edge', 413, '<html>413</html>', 'upstream_bad_request'],
    ['a rate limit', 429, error('rate_limit_error'), 'upstream_rate_limited'],
    ['growth that is too fast', 429, error('rate_limit_error', 'x', 'ramp_limit_exceeded'), 'upstream_rate_limited'],
    [
      'a spending limit',
      429,
      error('rate_limit_error', 'x', 'enforced_spend_limit_reached'),
      'upstream_quota_exhausted',
    ],
    [
      'a contract’s limit',
      429,
      error('rate_limit_error', 'x', 'contract_spend_limit_reached'),
      'upstream_quota_exhausted',
    ],
    ['a server error', 500, error('api_error'), 'upstream_server_error'],
    ['overload as a server error', 500, error('api_error', 'Overloaded'), 'upstream_overloaded'],
    ['a bad gateway in HTML', 502, '<html>Bad gateway</html>', 'upstream_server_error'],
    ['overload at the edge', 503, '', 'upstream_overloaded'],
    ['a timeout', 504, error('timeout_error'), 'upstream_server_error'],
    ['overload', 529, error('overloaded_error', 'Overloaded'), 'upstream_overloaded'],
    ['a proxy’s error', 400, { error: 'no such thing' }, 'upstream_bad_request'],
    ['a redirect', 302, '', 'upstream_server_error'],
  ])('%s', (_name, status, body, code) => {
    expect(read(status, body)).toMatchObject({ code, upstreamStatus: status });
  });

  test('its message is passed on, its credentials are not', () => {
    expect(read(500, error('api_error', 'No such key sk-ant-abcdef123456.')).message).toBe('No such key [redacted].');
  });

  test.each([401, 402])('%i is reported as a problem of the broker’s account', (status) => {
    expect(read(status, error('x', 'invalid x-api-key')).message).toMatch(
      /not the client’s. It said: invalid x-api-key$/,
    );
  });

  test('an error without a message gets one', () => {
    expect(read(500, '').message).toBe('The provider responded with status 500 and no message.');
  });
});

describe('how long to wait', () => {
  const limited = error('rate_limit_error');
  const reset = {
    'anthropic-ratelimit-requests-remaining': '5',
    'anthropic-ratelimit-requests-reset': '2026-11-20T12:00:50Z',
    'anthropic-ratelimit-tokens-limit': '1000',
    'anthropic-ratelimit-tokens-remaining': '0',
    'anthropic-ratelimit-tokens-reset': '2026-11-20T12:00:07Z',
  };

  test.each<[string, Record<string, string>, number | undefined]>([
    ['retry-after', { 'retry-after': '7', ...reset }, 7_000],
    ['the reset of the limit that was hit', reset, 7_000],
    ['nothing', {}, undefined],
  ])('by %s', (_name, headers, expected) => {
    expect(read(429, limited, headers).retryAfterMs).toBe(expected);
  });

  test('rate-limit headers are read with their reset times', () => {
    const headers = {
      'anthropic-ratelimit-requests-limit': '4000',
      'anthropic-ratelimit-requests-remaining': '3999',
      'anthropic-ratelimit-requests-reset': '2026-11-20T12:00:01.500Z',
      'anthropic-ratelimit-input-tokens-limit': '2000000',
      'anthropic-ratelimit-input-tokens-remaining': 'many',
      'anthropic-ratelimit-input-tokens-reset': '2026-11-20T11:59:00Z',
    };
    expect(readMessagesRateLimits({ status: 200, headers }, NOW)).toEqual({
      limitRequests: 4_000,
      remainingRequests: 3_999,
      resetRequestsMs: 1_500,
      limitInputTokens: 2_000_000,
      resetInputTokensMs: 0,
    });
  });

  test('a reached input limit gives a retry-after', () => {
    const headers = {
      'anthropic-ratelimit-input-tokens-remaining': '0',
      'anthropic-ratelimit-input-tokens-reset': '2026-11-20T12:00:07Z',
    };
    expect(read(429, limited, headers).retryAfterMs).toBe(7_000);
  });

  test('the limit of all tokens is separate from the input’s', () => {
    const headers = { ...reset, 'anthropic-ratelimit-input-tokens-limit': '5' };
    expect(readMessagesRateLimits({ status: 200, headers }, NOW)).toMatchObject({
      limitTokens: 1_000,
      limitInputTokens: 5,
      remainingTokens: 0,
      resetTokensMs: 7_000,
    });
  });
});

describe('the error that the client gets', () => {
  test.each(Object.keys(FAILURES) as FailureCode[])('%s has Anthropic’s format', (code) => {
    const { status, headers, body } = encodeMessagesFailure(createFailure(code, 'message'), 'req_9');
    const told = JSON.parse(body.toString());
    expect(told).toEqual({
      type: 'error',
      error: { type: expect.stringMatching(/_error$|^request_too_large$/), message: 'message' },
      request_id: 'req_9',
    });
    expect(status).toBe(FAILURES[code].status);
    expect(headers['request-id']).toBe('req_9');
  });

  test.each<[FailureCode, string]>([
    ['parameter_missing', 'invalid_request_error'],
    ['key_invalid', 'authentication_error'],
    ['budget_exhausted', 'billing_error'],
    ['key_forbidden', 'permission_error'],
    ['model_not_found', 'not_found_error'],
    ['request_too_large', 'request_too_large'],
    ['key_rate_limited', 'rate_limit_error'],
    ['deadline_passed', 'timeout_error'],
    ['upstream_overloaded', 'overloaded_error'],
    ['upstream_credential_refused', 'api_error'],
    ['internal', 'api_error'],
  ])('%s is of type %s', (code, type) => {
    const { body } = encodeMessagesFailure(createFailure(code, 'm'), 'req_9');
    expect(JSON.parse(body.toString()).error.type).toBe(type);
  });

  test.each([401, 402, 403])('the provider’s own %i never reaches the client', (status) => {
    expect(encodeMessagesFailure(read(status, error('x')), 'req_9').status).not.toBe(status);
  });

  test('a body too large for the provider is reported as too large to the client', () => {
    const { status, body } = encodeMessagesFailure(read(413, ''), 'req_9');
    expect(status).toBe(413);
    expect(JSON.parse(body.toString()).error.type).toBe('request_too_large');
  });

  test('a running stream ends with an event for which SDKs throw', () => {
    const event = encodeMessagesFailureEvent(createFailure('upstream_stream_cut', 'm'), 'req_9').toString();
    expect(event).toBe(
      'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"m"},"request_id":"req_9"}\n\n',
    );
  });
});
