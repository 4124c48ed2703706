import { describe, expect, test } from 'vitest';
import { briefUsd, duration, isFailed, percent, rate, usd } from '../../../console/src/parts/format.ts';

test('an attempt that lost a race has not failed', () => {
  expect(['ok', 'hedge_lost', 'upstream_timeout', undefined].map(isFailed)).toEqual([false, false, true, true]);
});

describe('amounts', () => {
  test.each([
    [0, '$0'],
    ['0.000000000001', '$0.0000000000010'],
    // Symptom: $4.9e-10, for an embedding of a few tokens.
    [4.9e-10, '$0.00000000049'],
    [1.2e-7, '$0.00000012'],
    [0.000063, '$0.000063'],
    [0.00999, '$0.010'],
    [0.01, '$0.01'],
    [0.0612, '$0.0612'],
    [1, '$1.00'],
    [1_234_567.891, '$1,234,567.89'],
    // Symptom: $-5.00, for a correction of a balance.
    [-5, '-$5.00'],
    [-0.002, '-$0.0020'],
  ])('%s is shown as %s', (amount, shown) => {
    expect(usd(amount)).toBe(shown);
  });

  test('in a narrow column a tiny one keeps to it', () => {
    expect([4.9e-10, 0, 0.000002, -3].map(briefUsd)).toEqual(['<$0.000001', '$0', '$0.0000020', '-$3.00']);
  });
});

describe('durations carry over to the next unit', () => {
  test.each([
    [0, '0 ms'],
    [999.4, '999 ms'],
    [999.7, '1.00 s'],
    [9_994, '9.99 s'],
    [9_996, '10.0 s'],
    [59_940, '59.9 s'],
    [59_960, '1 min 0 s'],
    // Symptom: 1 min 60 s.
    [119_700, '2 min 0 s'],
    [3_599_600, '1 h 0 min'],
    [2 * 3_600_000 - 1, '2 h 0 min'],
    [47 * 3_600_000, '47 h 0 min'],
    [30 * 86_400_000 + 5 * 3_600_000, '30 d 5 h'],
    [3 * 86_400_000 - 1, '3 d 0 h'],
  ])('%s ms are %s', (ms, shown) => {
    expect(duration(ms)).toBe(shown);
  });
});

test('only none is 0 %, and only all is 100 %', () => {
  expect([0, 0.0001, 0.257, 0.5, 0.9998, 1].map(percent)).toEqual([
    '0 %',
    '<0.1 %',
    '25.7 %',
    '50 %',
    '>99.9 %',
    '100 %',
  ]);
});

test('a rate above nothing is not 0', () => {
  expect([0, 0.001, 0.25, 5, 9.999, 1234.4].map(rate)).toEqual(['0', '<0.01', '0.25', '5', '10', '1,234']);
});
