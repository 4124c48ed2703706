import { describe, expect, test } from 'vitest';
import { createFailure } from '#src/contracts/failure.ts';
import { FAILURES, type FailureCode } from '#src/contracts/failure-table.ts';
import { geminiClient, geminiProvider } from '#src/protocols/gemini-generate-content/protocol.ts';

/** 04:00 in California. */
const NOW = Date.UTC(2026, 10, 20, 12);
const read = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  geminiProvider.readFailure(
    { status, headers },
    Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    NOW,
  );
const error = (message: string, members: object = {}) => ({ error: { code: 0, message, ...members } });
const detail = (type: string, members: object) => ({ '@type': `type.googleapis.com/google.rpc.${type}`, ...members });
const quota = (quotaId: string, quotaValue = '10') => detail('QuotaFailure', { violations: [{ quotaId, quotaValue }] });
const exhausted = (...details: object[]) =>
  error('You exceeded your current quota.', { status: 'RESOURCE_EXHAUSTED', details });

describe('the meaning of a provider’s error', () => {
  test.each<[string, number, unknown, FailureCode]>([
    ['a bad request', 400, error('Unknown name "x"', { status: 'INVALID_ARGUMENT' }), 'upstream_bad_request'],
    [
      'a bad key, which comes as 400',
      400,
      error('API key not valid. Please pass a valid API key.', {
        details: [detail('ErrorInfo', { reason: 'API_KEY_INVALID' })],
      }),
      'upstream_credential_refused',
    ],
    ['a bad key by its words', 400, error('API key expired. Please renew the API key.'), 'upstream_credential_refused'],
    [
      'a wrong region',
      400,
      error('User location is not supported for the API use.', { status: 'FAILED_PRECONDITION' }),
      'upstream_credential_refused',
    ],
    [
      'another precondition',
      400,
      error('The file is not active.', { status: 'FAILED_PRECONDITION' }),
      'upstream_bad_request',
    ],
    [
      'a prompt too long',
      400,
      error('The input token count (9) exceeds the maximum number of tokens allowed (8).'),
      'upstream_context_length',
    ],
    ['a prompt against the rules', 400, error('The prompt violates our usage policies.'), 'upstream_content_filter'],
    ['a rejected token', 401, error('Request had invalid authentication credentials.'), 'upstream_credential_refused'],
    ['an unpaid account', 402, error('m'), 'upstream_quota_exhausted'],
    [
      'a forbidden project',
      403,
      error('Permission denied.', { status: 'PERMISSION_DENIED' }),
      'upstream_credential_refused',
    ],
    [
      'a file that is not there',
      403,
      error('You do not have permission to access the File x or it may not exist.'),
      'upstream_bad_request',
    ],
    ['an unknown model', 404, error('models/x is not found', { status: 'NOT_FOUND' }), 'upstream_model_missing'],
    ['a body too large', 413, '<html>too large</html>', 'upstream_bad_request'],
    [
      'a limit per minute',
      429,
      exhausted(quota('GenerateRequestsPerMinutePerProjectPerModel')),
      'upstream_rate_limited',
    ],
    ['a limit that is not explained', 429, exhausted(), 'upstream_rate_limited'],
    [
      'a limit per day',
      429,
      exhausted(quota('GenerateRequestsPerDayPerProjectPerModel-FreeTier')),
      'upstream_quota_exhausted',
    ],
    [
      'a limit of zero',
      429,
      exhausted(quota('GenerateRequestsPerMinutePerProjectPerModel-FreeTier', '0')),
      'upstream_quota_exhausted',
    ],
    ['spent credits', 429, error('Your prepayment credits are depleted.'), 'upstream_quota_exhausted'],
    ['a cancelled call', 499, error('The operation was cancelled.', { status: 'CANCELLED' }), 'upstream_server_error'],
    ['a server error', 500, error('m', { status: 'INTERNAL' }), 'upstream_server_error'],
    ['a bad gateway in HTML', 502, '<html>Bad Gateway</html>', 'upstream_server_error'],
    ['overload', 503, error('The model is overloaded.', { status: 'UNAVAILABLE' }), 'upstream_overloaded'],
    ['overload in a list', 503, [error('The model is overloaded.')], 'upstream_overloaded'],
    ['a deadline', 504, error('m', { status: 'DEADLINE_EXCEEDED' }), 'upstream_server_error'],
    ['a redirect', 302, '', 'upstream_server_error'],
  ])('%s', (_name, status, body, code) => {
    expect(read(status, body)).toMatchObject({ code, upstreamStatus: status });
  });

  test('its own code is kept, its credentials are not', () => {
    const failure = read(500, error('Key AIzaSyA1234567890abcdef is odd.', { status: 'INTERNAL' }));
    expect(failure).toMatchObject({ upstreamCode: 'INTERNAL', message: 'Key [redacted] is odd.' });
  });

  test('problems of the broker’s account are reported as such', () => {
    expect(read(400, error('API key not valid.')).message).toMatch(/not the client’s. It said: API key not valid.$/);
  });

  test('an error without a message gets one', () => {
    expect(read(500, '').message).toBe('The provider responded with status 500 and no message.');
  });
});

describe('how long to wait', () => {
  const retryInfo = detail('RetryInfo', { retryDelay: '53.5s' });

  test.each<[string, unknown, Record<string, string>, number | undefined]>([
    ['RetryInfo', exhausted(quota('PerMinute'), retryInfo), {}, 53_500],
    ['the words', error('Please retry in 1.25s.'), {}, 1_250],
    ['retry-after', exhausted(), { 'retry-after': '7' }, 7_000],
    ['nothing', exhausted(), {}, undefined],
    [
      'midnight in California, whatever RetryInfo says',
      exhausted(quota('RequestsPerDay'), retryInfo),
      {},
      20 * 3_600_000,
    ],
  ])('by %s', (_name, body, headers, expected) => {
    expect(read(429, body, headers).retryAfterMs).toBe(expected);
  });

  test('Google sends no limits', () => {
    expect(geminiProvider.readRateLimits({ status: 200, headers: {} }, NOW)).toEqual({});
  });
});

describe('the error that the client gets', () => {
  const told = (code: FailureCode, more: object = {}) => {
    const { status, body } = geminiClient.encodeFailure(createFailure(code, 'message', more), 'req_abc');
    return { status, error: JSON.parse(body.toString()).error };
  };

  test.each(Object.keys(FAILURES) as FailureCode[])('%s has Google’s format', (code) => {
    const { status, error: shown } = told(code, { param: 'p', retryAfterMs: 1_500 });
    expect(Object.keys(shown)).toEqual(['code', 'message', 'status', 'details']);
    expect(shown).toMatchObject({
      code: FAILURES[code].status,
      message: 'message',
      status: expect.stringMatching(/^[A-Z_]+$/),
    });
    expect(status).toBe(FAILURES[code].status);
    expect(shown.details).toEqual([
      {
        '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
        reason: code.toUpperCase(),
        domain: 'sluice',
        metadata: { requestId: 'req_abc' },
      },
      {
        '@type': 'type.googleapis.com/google.rpc.BadRequest',
        fieldViolations: [{ field: 'p', description: 'message' }],
      },
      { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '1.5s' },
    ]);
  });

  test.each<[FailureCode, string]>([
    ['request_invalid', 'INVALID_ARGUMENT'],
    ['key_invalid', 'UNAUTHENTICATED'],
    ['budget_exhausted', 'FAILED_PRECONDITION'],
    ['key_forbidden', 'PERMISSION_DENIED'],
    ['model_not_found', 'NOT_FOUND'],
    ['request_too_large', 'INVALID_ARGUMENT'],
    ['key_rate_limited', 'RESOURCE_EXHAUSTED'],
    ['request_cancelled', 'CANCELLED'],
    ['deadline_passed', 'DEADLINE_EXCEEDED'],
    ['upstream_overloaded', 'UNAVAILABLE'],
    ['upstream_credential_refused', 'INTERNAL'],
    ['internal', 'INTERNAL'],
  ])('%s is %s', (code, status) => {
    expect(told(code).error.status).toBe(status);
  });

  test('the provider’s status of a bad request is kept, but not its refusal of the broker’s key', () => {
    expect(told('upstream_bad_request', { upstreamStatus: 413 }).status).toBe(413);
    const refused = read(
      400,
      error('API key not valid.', { details: [detail('ErrorInfo', { reason: 'API_KEY_INVALID' })] }),
    );
    const answer = geminiClient.encodeFailure(refused, 'req_abc');
    expect(answer.status).toBe(502);
    expect(answer.body.toString()).not.toContain('API_KEY_INVALID');
  });

  test('an error event makes the SDK throw', () => {
    const event = geminiClient.encodeFailureEvent(createFailure('upstream_stream_cut', 'Cut.'), 'req_abc').toString();
    expect(event).toMatch(/^data: \{"error":\{"code":502,.*\}\}\n\n$/);
  });
});
