import { describe, expect, test } from 'vitest';
import { Admission, type AdmissionLimits, isTicket, type Ticket } from '../../src/engine/limits/admission.ts';
import type { RateRefusal, Refusal } from '../../src/engine/refusal.ts';

const UNLIMITED: AdmissionLimits = { rpm: null, tpm: null, concurrency: null, limitStyle: 'window' };

function admissionAt(limits: Partial<AdmissionLimits>) {
  const clock = { nowMs: 0 };
  return { clock, admission: new Admission({ ...UNLIMITED, ...limits }, () => clock.nowMs) };
}

function ticketOf(admitted: Ticket | Refusal): Ticket {
  if (!isTicket(admitted)) throw new Error(`refused: ${JSON.stringify(admitted)}`);
  return admitted;
}

function refusalOf(admitted: Ticket | Refusal): RateRefusal {
  if (isTicket(admitted) || admitted.kind !== 'rate_limited') throw new Error('not refused for a rate');
  return admitted;
}

describe('a strict window', () => {
  test('admits exactly the limit within any sixty seconds', () => {
    const { clock, admission } = admissionAt({ rpm: 3 });
    for (clock.nowMs = 0; clock.nowMs < 30_000; clock.nowMs += 10_000) ticketOf(admission.admit(1));
    const refusal = refusalOf(admission.admit(1));
    expect(refusal).toMatchObject({ thing: 'requests', limit: 3, used: 3, requested: 1, retryAfterMs: 30_000 });
    clock.nowMs += refusal.retryAfterMs;
    ticketOf(admission.admit(1));
    refusalOf(admission.admit(1));
  });

  test('does not count what it refuses', () => {
    const { clock, admission } = admissionAt({ rpm: 1 });
    ticketOf(admission.admit(1));
    for (clock.nowMs = 1; clock.nowMs < 60_000; clock.nowMs += 1_000) refusalOf(admission.admit(1));
    clock.nowMs = 60_000;
    ticketOf(admission.admit(1));
    expect(admission.peaks.requestsPerMinute).toBe(1);
  });

  test('counts reserved tokens and returns the unused ones', () => {
    const { admission } = admissionAt({ tpm: 100 });
    const ticket = ticketOf(admission.admit(80));
    expect(refusalOf(admission.admit(40))).toMatchObject({ thing: 'tokens', used: 80, requested: 40 });
    admission.settle(ticket, 50);
    ticketOf(admission.admit(40));
    expect(admission.allowances().tokens).toMatchObject({ limit: 100, remaining: 10 });
  });

  test('announces no wait to a request larger than the limit', () => {
    const { admission } = admissionAt({ tpm: 100 });
    expect(admission.admit(101)).toEqual({ kind: 'exceeds_limit', limit: 100, requested: 101 });
  });
});

describe('a bucket', () => {
  test('refills continuously', () => {
    const { clock, admission } = admissionAt({ rpm: 60, limitStyle: 'bucket' });
    for (let i = 0; i < 60; i++) ticketOf(admission.admit(1));
    expect(refusalOf(admission.admit(1)).retryAfterMs).toBe(1_000);
    clock.nowMs = 1_000;
    ticketOf(admission.admit(1));
    refusalOf(admission.admit(1));
  });

  test('charges tokens above the reservation to later requests', () => {
    const { clock, admission } = admissionAt({ tpm: 60, limitStyle: 'bucket' });
    admission.settle(ticketOf(admission.admit(10)), 70);
    expect(refusalOf(admission.admit(1)).retryAfterMs).toBe(11_000);
    clock.nowMs = 11_000;
    ticketOf(admission.admit(1));
  });

  test('keeps its level when another limit changes', () => {
    const limits: AdmissionLimits = { ...UNLIMITED, rpm: 1, limitStyle: 'bucket' };
    const { admission } = admissionAt(limits);
    ticketOf(admission.admit(1));
    admission.change({ ...limits, concurrency: 5 });
    refusalOf(admission.admit(1));
  });
});

describe('concurrency', () => {
  test('refuses calls above the limit until one has ended', () => {
    const { admission } = admissionAt({ concurrency: 2 });
    const first = ticketOf(admission.admit(1));
    ticketOf(admission.admit(1));
    expect(refusalOf(admission.admit(1))).toMatchObject({ thing: 'concurrency', limit: 2, used: 2 });
    admission.settle(first, 1);
    ticketOf(admission.admit(1));
    expect(admission.peaks.inFlight).toBe(2);
  });
});

describe('without limits', () => {
  test('peaks are recorded anyway', () => {
    const { clock, admission } = admissionAt({});
    for (let i = 0; i < 10; i++) ticketOf(admission.admit(7));
    clock.nowMs = 60_000;
    for (let i = 0; i < 4; i++) ticketOf(admission.admit(7));
    expect(admission.peaks).toEqual({ requestsPerMinute: 10, tokensPerMinute: 70, inFlight: 14 });
    expect(admission.allowances()).toEqual({ requests: null, tokens: null });
  });
});
