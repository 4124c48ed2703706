import { expect, test } from 'vitest';
import { isDeadLetter } from '#src/contracts/dead-letter.ts';
import { FAILURES } from '#src/contracts/failure-table.ts';

const api = { inbox: 'api_0123456789abcd' };

test('failures that an operator can resolve are kept', () => {
  const kept = Object.keys(FAILURES).filter((code) => isDeadLetter(api, code));
  expect(kept).toEqual(
    expect.arrayContaining([
      'worker_lost',
      'stream_interrupted',
      'deadline_passed_waiting',
      'deadline_passed',
      'capacity_exhausted',
      'no_deployment',
      'internal',
      'upstream_model_missing',
      'upstream_rate_limited',
      'upstream_quota_exhausted',
      'upstream_credential_refused',
      'upstream_server_error',
      'upstream_unreachable',
      'upstream_stream_cut',
    ]),
  );
});

test.each([
  'ok',
  'request_cancelled',
  'request_invalid',
  'parameter_unsupported',
  'key_rate_limited',
  'budget_exhausted',
  'model_not_found',
  'upstream_bad_request',
  'upstream_context_length',
  'upstream_content_filter',
  'a_code_of_a_newer_sluice',
])('%s is not kept', (outcome) => {
  expect(isDeadLetter(api, outcome)).toBe(false);
});

test('lines of batches are not kept: they have their own error file', () => {
  expect(isDeadLetter({ inbox: 'batches_0123456789abcd' }, 'upstream_server_error')).toBe(false);
});
