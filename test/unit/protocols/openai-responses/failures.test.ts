import { describe, expect, test } from 'vitest';
import { createFailure } from '#src/contracts/failure.ts';
import { encodeResponsesFailureEvent, readResponsesEventFailure } from '#src/protocols/openai-responses/failures.ts';
import { openaiResponsesClient, openaiResponsesProvider } from '#src/protocols/openai-responses/protocol.ts';

test('before a stream a failure has the format of every OpenAI API', () => {
  const failure = createFailure('parameter_missing', 'Missing.', { param: 'input' });
  const { status, body } = openaiResponsesClient.encodeFailure(failure, 'req_1');
  expect(status).toBe(400);
  expect(JSON.parse(body.toString())).toEqual({
    error: { message: 'Missing.', type: 'invalid_request_error', param: 'input', code: 'missing_required_parameter' },
  });
});

test('inside a stream it is a flat error event', () => {
  const text = encodeResponsesFailureEvent(createFailure('upstream_stream_cut', 'Cut.')).toString();
  expect(text).toMatch(/^event: error\ndata: .*\n\n$/);
  expect(JSON.parse(text.slice(text.indexOf('{')))).toEqual({
    type: 'error',
    code: 'upstream_stream_cut',
    message: 'Cut.',
    param: null,
    sequence_number: 0,
  });
});

describe('an error code of the provider', () => {
  test.each([
    ['server_error', 'upstream_server_error'],
    ['rate_limit_exceeded', 'upstream_rate_limited'],
    ['insufficient_quota', 'upstream_quota_exhausted'],
    ['invalid_prompt', 'upstream_content_filter'],
    ['bio_policy', 'upstream_content_filter'],
    ['misalignment_policy_violation', 'upstream_content_filter'],
    ['image_content_policy_violation', 'upstream_content_filter'],
    ['data_residency_mismatch', 'upstream_bad_request'],
    ['vector_store_timeout', 'upstream_server_error'],
    ['invalid_image_format', 'upstream_bad_request'],
    ['image_too_large', 'upstream_bad_request'],
    ['image_file_not_found', 'upstream_bad_request'],
    ['failed_to_download_image', 'upstream_bad_request'],
    ['context_length_exceeded', 'upstream_context_length'],
    ['model_not_found', 'upstream_model_missing'],
    ['invalid_api_key', 'upstream_credential_refused'],
    ['server_is_overloaded', 'upstream_overloaded'],
    ['of_tomorrow', 'upstream_server_error'],
  ])('%s', (code, expected) => {
    expect(readResponsesEventFailure({ type: 'error', code, message: 'Said.' }).code).toBe(expected);
    expect(readResponsesEventFailure({ error: { code, message: 'Said.' } })).toMatchObject({
      code: expected,
      message: expect.stringContaining('Said.'),
    });
  });

  test.each([[null], [{}], [{ error: null }], ['text'], [{ error: { message: 5 } }]])(
    '%j contains no error code',
    (event) => {
      const failure = readResponsesEventFailure(event);
      expect(failure.code).toBe('upstream_server_error');
      expect(failure.message).not.toBe('');
    },
  );

  test('keys that a provider quotes are not passed on', () => {
    const said = readResponsesEventFailure({ code: 'invalid_prompt', message: 'Bad sk-abcdefgh12345' });
    expect(said.message).not.toContain('sk-abc');
  });
});

test('statuses and limits are those of every OpenAI API', () => {
  const head = { status: 429, headers: { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '2s' } };
  const body = Buffer.from('{"error":{"code":"rate_limit_exceeded","type":"requests","message":"slow"}}');
  expect(openaiResponsesProvider.readFailure(head, body, 0)).toMatchObject({
    code: 'upstream_rate_limited',
    retryAfterMs: 2_000,
  });
  expect(openaiResponsesProvider.readRateLimits(head, 0)).toEqual({ remainingRequests: 0, resetRequestsMs: 2_000 });
  expect(openaiResponsesProvider.path({ operation: 'generate', upstreamModel: 'm', isStream: true })).toBe(
    '/responses',
  );
});
