import { expect, test } from 'vitest';
import { createServedRates } from '#src/limits/served-rate.ts';

test('one look says nothing, two say how many passed between them', () => {
  const rates = createServedRates();
  expect(rates.look('l', 100, false, 0)).toEqual({ count: 0, overMs: 0 });
  expect(rates.look('l', 130, false, 3_000)).toEqual({ count: 30, overMs: 3_000 });
});

test('only the last seconds count', () => {
  const { count, overMs } = servedAfterSlowdown();
  expect(count / overMs).toBeCloseTo(0.001, 4);
});

test('a line that was empty, a gap, or a count that began anew begin anew', () => {
  const rates = createServedRates();
  rates.look('l', 10, false, 0);
  rates.look('l', 20, true, 1_000);
  expect(rates.look('l', 30, false, 2_000).count).toBe(0);
  expect(rates.look('l', 40, false, 9_000).count).toBe(0);
  expect(rates.look('l', 5, false, 10_000).count).toBe(0);
  expect(rates.look('l', 15, false, 11_000)).toEqual({ count: 10, overMs: 1_000 });
});

/** A hundred a second for half a minute, then one a second. */
function servedAfterSlowdown() {
  const rates = createServedRates();
  let total = 0;
  let served = { count: 0, overMs: 0 };
  for (let second = 0; second <= 60; second++) {
    total += second < 30 ? 100 : 1;
    served = rates.look('l', total, false, second * 1_000);
  }
  return served;
}
