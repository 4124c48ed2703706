// When an hour has cost more than is usual.
import { describe, expect, test } from 'vitest';
import { parseUsd } from '#src/contracts/money.ts';
import { type AnomalyRule, unusualFrom } from '#src/ledger/spend-anomaly.ts';

const rule: AnomalyRule = { days: 14, deviations: 6, minPico: parseUsd('5') };
const usd = (...amounts: number[]) => amounts.map((amount) => parseUsd(String(amount)));
const limitOf = (before: bigint[], more: Partial<AnomalyRule> = {}) => unusualFrom(before, { ...rule, ...more })?.limit;

describe('an hour is unusual', () => {
  test('above the median plus six deviations', () => {
    // Median 100, distances 20 20 10 10 0 10 10 20 20: their median 10, a spread of 14.826.
    expect(limitOf(usd(80, 80, 90, 90, 100, 110, 110, 120, 120))).toBe(parseUsd('200'));
    expect(limitOf(usd(80, 80, 90, 90, 100, 110, 110, 120, 120), { deviations: 10 })).toBe(parseUsd('248.26'));
  });

  test('even if one day was extreme', () => {
    const even = usd(10, 10, 10, 10, 10, 10, 10, 10);
    expect(limitOf([...even, parseUsd('100000')])).toBe(limitOf(even));
    expect(limitOf(even)).toBe(parseUsd('20'));
  });

  test('never below the minimum amount, even with no earlier spend', () => {
    expect(limitOf(usd(0, 0, 0, 0, 0, 0, 0))).toBe(parseUsd('5'));
    expect(limitOf(usd(1, 1, 1, 1, 1, 1, 1, 1))).toBe(parseUsd('5'));
  });

  test('not before seven days are known', () => {
    expect(limitOf(usd(1, 1, 1, 1, 1, 1))).toBeUndefined();
    expect(limitOf(usd(1, 1, 1, 1, 1, 1, 1))).toBeDefined();
  });
});
