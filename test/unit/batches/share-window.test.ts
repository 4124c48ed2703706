import { describe, expect, test } from 'vitest';
import { type SlotClaim, shareSlots } from '#src/batches/pacing.ts';

const NOW = 1_000_000;
const HOUR = 3_600_000;

function claim(batchId: string, change: Partial<SlotClaim> = {}): SlotClaim {
  return { batchId, keyId: batchId, weight: 1, deadlineAtMs: NOW + 24 * HOUR, remaining: 100_000, ...change };
}

const share = (claims: SlotClaim[], rate = 100) => Object.fromEntries(shareSlots(claims, 1_000, rate, NOW));

describe('without deadlines', () => {
  test('one batch has the whole window', () => {
    expect(share([claim('a')]).a).toBeGreaterThanOrEqual(999);
  });
  test('keys share equally, whatever the number of their batches', () => {
    const shares = share([claim('a'), claim('b', { keyId: 'k' }), claim('c', { keyId: 'k' })]);
    expect(shares.a).toBeCloseTo(500, -1);
    expect(shares.b).toBeCloseTo(250, -1);
    expect(shares.c).toBeCloseTo(250, -1);
  });
  test('a key of weight three has three times as much', () => {
    const shares = share([claim('a', { weight: 3 }), claim('b')]);
    expect(shares.a).toBeCloseTo(750, -1);
    expect(shares.b).toBeCloseTo(250, -1);
  });
  test('what a small batch cannot use is given to the others', () => {
    expect(share([claim('a', { remaining: 10 }), claim('b')])).toMatchObject({ a: 10, b: 990 });
  });
  test('every batch gets a share', () => {
    const shares = share(
      Array.from({ length: 3_000 }, (_, index) => claim(`b${index}`)),
      0,
    );
    expect(new Set(Object.values(shares))).toEqual(new Set([1]));
  });
});

describe('with deadlines', () => {
  const urgent = claim('urgent', { remaining: 36_000, deadlineAtMs: NOW + HOUR / 10 });

  test('a batch first gets what it needs to finish in time, before shares', () => {
    // 36,000 lines in 360 s are all of the 100 lines a second, and more.
    const shares = share([urgent, claim('b')]);
    expect(shares.urgent).toBeGreaterThan(850);
    expect(shares.b).toBeGreaterThanOrEqual(50);
  });
  test('a distant deadline changes nothing', () => {
    const shares = share([claim('a', { remaining: 1_000, deadlineAtMs: NOW + HOUR }), claim('b')]);
    expect(shares.a).toBeCloseTo(500, -1);
  });
  test('of two deadlines that cannot both be met the earlier comes first', () => {
    const later = claim('later', { remaining: 36_000, deadlineAtMs: NOW + HOUR / 8 });
    const shares = share([later, urgent]);
    expect(shares.urgent).toBeGreaterThan(5 * shares.later!);
  });
  test('while the rate is unknown, only weights count', () => {
    expect(share([urgent, claim('b')], 0).urgent).toBeCloseTo(500, -1);
  });
});
