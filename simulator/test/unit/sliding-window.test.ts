import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { explore } from '../../../test/support/runs.ts';
import { SlidingWindow, WINDOW_MS } from '../../src/engine/limits/sliding-window.ts';

describe('the sliding window', () => {
  test('drops an entry exactly sixty seconds after it was added', () => {
    const window = new SlidingWindow();
    window.add(1_000, 5);
    expect(window.total(1_000 + WINDOW_MS - 1)).toBe(5);
    expect(window.total(1_000 + WINDOW_MS)).toBe(0);
  });

  test('computes when enough capacity will be free', () => {
    const window = new SlidingWindow();
    window.add(0, 4);
    window.add(10_000, 3);
    window.add(20_000, 2);
    expect(window.waitMs(30_000, 9)).toBe(0);
    expect(window.waitMs(30_000, 5)).toBe(30_000);
    expect(window.waitMs(30_000, 2)).toBe(40_000);
    expect(window.waitMs(30_000, 0)).toBe(50_000);
    expect(window.emptyInMs(30_000)).toBe(50_000);
  });

  test('corrects only entries that are still in it', () => {
    const window = new SlidingWindow();
    const early = window.add(0, 100);
    const late = window.add(50_000, 100);
    window.correct(late, 30);
    expect(window.total(50_000)).toBe(130);
    expect(window.total(WINDOW_MS)).toBe(30);
    window.correct(early, 1_000);
    expect(window.total(WINDOW_MS)).toBe(30);
  });

  test('always equals a plain list of the last minute, also after growing', () => {
    const amounts = fc.array(fc.record({ gapMs: fc.nat(400), amount: fc.nat(10) }), { maxLength: 3_000 });
    fc.assert(
      fc.property(amounts, (steps) => {
        const window = new SlidingWindow();
        const all: { atMs: number; amount: number }[] = [];
        let nowMs = 0;
        for (const { gapMs, amount } of steps) {
          nowMs += gapMs;
          window.add(nowMs, amount);
          all.push({ atMs: nowMs, amount });
        }
        const kept = all.filter(({ atMs }) => atMs > nowMs - WINDOW_MS);
        expect(window.total(nowMs)).toBe(kept.reduce((sum, { amount }) => sum + amount, 0));
      }),
      explore(50),
    );
  });
});
