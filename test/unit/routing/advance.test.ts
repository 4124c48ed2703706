import { describe, expect, test } from 'vitest';
import { createFailure } from '#src/contracts/failure.ts';
import type { FailureCode } from '#src/contracts/failure-table.ts';
import { type AdvanceState, advance, backoffMs } from '#src/routing/advance.ts';

const state: AdvanceState = {
  failuresAtStep: 1,
  maxRetries: 2,
  backoff: { baseMs: 500, maxMs: 20_000 },
  hasNext: true,
  waitUpToMs: 2_000,
  remainingMs: 60_000,
  isIrrevocable: false,
};
const half = () => 0.5;
const next = (code: FailureCode, change: Partial<AdvanceState> = {}, retryAfterMs?: number) =>
  advance(createFailure(code, '', retryAfterMs === undefined ? {} : { retryAfterMs }), { ...state, ...change }, half);

describe('after a failed attempt', () => {
  test('a server error is retried with full jitter', () => {
    expect(next('upstream_server_error')).toEqual({ kind: 'retry', waitMs: 250 });
    expect(next('upstream_server_error', { failuresAtStep: 2 })).toEqual({ kind: 'retry', waitMs: 500 });
  });

  test('when the retries are used up the next step is called', () => {
    expect(next('upstream_server_error', { failuresAtStep: 3 })).toEqual({ kind: 'fallback' });
  });

  test('on the last step, when the retries are used up, it ends', () => {
    expect(next('upstream_server_error', { failuresAtStep: 3, hasNext: false })).toEqual({ kind: 'stop' });
  });

  test('a bad request is neither retried nor sent elsewhere', () => {
    expect(next('upstream_bad_request')).toEqual({ kind: 'stop' });
  });

  test('an exhausted quota is not retried but another deployment is called', () => {
    expect(next('upstream_quota_exhausted')).toEqual({ kind: 'fallback' });
    expect(next('upstream_quota_exhausted', { hasNext: false })).toEqual({ kind: 'stop' });
  });

  test('a long retry-after is not waited for while another deployment can answer', () => {
    expect(next('upstream_rate_limited', {}, 30_000)).toEqual({ kind: 'fallback' });
  });

  test('a wait of exactly the limit is accepted, whatever jitter is added', () => {
    expect(next('upstream_rate_limited', {}, 2_000)).toEqual({ kind: 'retry', waitMs: 2_200 });
    expect(next('upstream_rate_limited', {}, 2_001)).toEqual({ kind: 'fallback' });
  });

  test('the model’s setting decides how long a wait is accepted', () => {
    expect(next('upstream_rate_limited', { waitUpToMs: 30_000 }, 30_000)).toMatchObject({ kind: 'retry' });
    expect(next('upstream_rate_limited', { waitUpToMs: 0 }, 100)).toEqual({ kind: 'fallback' });
  });

  test.each<FailureCode>([
    'upstream_connect_timeout',
    'upstream_first_byte_timeout',
    'upstream_first_token_timeout',
    'upstream_idle_timeout',
  ])('after %s another deployment is called at once, the same one only if there is no other', (code) => {
    expect(next(code)).toEqual({ kind: 'fallback' });
    expect(next(code, { hasNext: false })).toEqual({ kind: 'retry', waitMs: 250 });
    expect(next(code, { hasNext: false, failuresAtStep: 3 })).toEqual({ kind: 'stop' });
  });

  test.each<FailureCode>(['upstream_content_filter', 'upstream_context_length'])(
    '%s is returned to the client',
    (code) => {
      expect(next(code)).toEqual({ kind: 'stop' });
    },
  );

  test('a single deployment is waited for, and never called before its retry-after', () => {
    expect(next('upstream_rate_limited', { hasNext: false }, 30_000)).toEqual({ kind: 'retry', waitMs: 30_250 });
  });

  test('a wait beyond the deadline is not started', () => {
    expect(next('upstream_rate_limited', { hasNext: false, remainingMs: 10_000 }, 30_000)).toEqual({ kind: 'stop' });
  });

  test('nothing is restarted once bytes were sent to the client', () => {
    expect(next('upstream_server_error', { isIrrevocable: true })).toEqual({ kind: 'stop' });
  });
});

describe('backoff', () => {
  const settings = { baseMs: 500, maxMs: 2_000 };

  test('grows with every retry up to its cap', () => {
    expect([0, 1, 2, 3, 9].map((retry) => backoffMs(settings, retry, undefined, () => 0.999))).toEqual([
      499.5, 999, 1998, 1998, 1998,
    ]);
  });

  test('a provider’s wait is a minimum', () => {
    for (const random of [0, 0.5, 0.999]) {
      expect(backoffMs(settings, 0, 7_000, () => random)).toBeGreaterThanOrEqual(7_000);
    }
  });
});
