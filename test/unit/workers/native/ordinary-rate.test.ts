// When a provider's batch must be cancelled, so that ordinary calls can run its lines in time.
import { describe, expect, test } from 'vitest';
import type { Deployment } from '#src/config/catalogue.ts';
import { lastCallMs, OrdinaryRate, recallAtMs } from '#workers/batches/native/native-services.ts';

type Limited = Pick<Deployment, 'scope' | 'provider'>;

function limited(own?: number, providers?: number): Limited {
  const limits = (requestsPerMinute?: number) => (requestsPerMinute === undefined ? {} : { requestsPerMinute });
  const scope = (perMinute?: number) => ({ name: '', limits: limits(perMinute) });
  return { scope: scope(own), provider: { scope: scope(providers) } } as unknown as Limited;
}

/** So many lines a second for ten seconds. */
function measured(rate: OrdinaryRate, perSecond: number): void {
  for (let line = 0; line < perSecond * 10; line++) rate.note(1_000_000 + (line * 1_000) / perSecond);
}

describe('the rate of ordinary calls', () => {
  test('is an assumption until enough calls are measured', () => {
    const rate = new OrdinaryRate(10);
    expect(rate.of(limited())).toBe(10);
    measured(rate, 100);
    expect(rate.of(limited())).toBeGreaterThan(90);
  });

  test('is not lowered by light traffic', () => {
    const rate = new OrdinaryRate(10);
    measured(rate, 1);
    expect(rate.of(limited())).toBe(10);
  });

  test('is never above the limits of the deployment or its provider', () => {
    const rate = new OrdinaryRate(10);
    expect(rate.of(limited(120))).toBe(2);
    expect(rate.of(limited(120, 60))).toBe(1);
    expect(rate.of(null)).toBe(10);
  });
});

test('the latest start leaves 1.5 times the time that the lines need', () => {
  const outlook = { deadlineAtMs: 1_000_000, remaining: 100, linesPerSecond: 10 };
  expect(lastCallMs(outlook)).toBe(1_000_000 - 15_000 - 2_000);
  expect(lastCallMs({ ...outlook, remaining: 200 })).toBeLessThan(lastCallMs(outlook));
});

test('a provider’s batch is cancelled earlier, by the time that cancelling may take', () => {
  const outlook = { deadlineAtMs: 1_000_000, remaining: 0, linesPerSecond: 10 };
  expect(recallAtMs({ ...outlook, cancelMs: 60_000 })).toBe(lastCallMs(outlook) - 60_000);
});
