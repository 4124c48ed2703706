import { describe, expect, test } from 'vitest';
import { createFailure, mostUseful } from '#src/contracts/failure.ts';
import { FAILURES, type FailureCode, ruleOf } from '#src/contracts/failure-table.ts';

const codes = Object.keys(FAILURES) as FailureCode[];

describe('every failure', () => {
  test.each(codes)('%s has a status that its kind allows', (code) => {
    const { status, kind } = ruleOf(code);
    expect(status).toBeGreaterThanOrEqual(400);
    if (['internal', 'upstream', 'overloaded'].includes(kind)) expect(status).toBeGreaterThanOrEqual(500);
    else if (kind !== 'timeout') expect(status).toBeLessThan(500);
  });

  test.each(codes.filter((code) => ruleOf(code).retry))('%s is retried, so it may also fall back', (code) => {
    expect(ruleOf(code).fallback).toBe(true);
  });

  test.each(codes.filter((code) => ruleOf(code).cooldown === 'open'))(
    '%s opens the circuit, so it is not retried',
    (code) => {
      expect(ruleOf(code).retry).toBe(false);
    },
  );
});

test('the provider’s refusal of the broker’s credential is never the client’s 401, 402 or 403', () => {
  for (const code of ['upstream_credential_refused', 'upstream_quota_exhausted'] as const) {
    expect([401, 402, 403]).not.toContain(ruleOf(code).status);
  }
});

test('of several failures the most informative one is returned', () => {
  const of = (code: FailureCode) => createFailure(code, code);
  expect(mostUseful([of('upstream_rate_limited'), of('upstream_unreachable')]).code).toBe('upstream_rate_limited');
  expect(mostUseful([of('upstream_context_length'), of('upstream_server_error')]).code).toBe('upstream_context_length');
  const later = createFailure('upstream_server_error', 'later');
  expect(mostUseful([of('upstream_server_error'), later])).toBe(later);
});
