import { describe, expect, test } from 'vitest';
import { parseGoDuration, parseRetryAfter, readRetryAfter } from '#src/protocols/durations.ts';

describe('durations in rate-limit headers', () => {
  test.each([
    ['6m0s', 360_000],
    ['8.64s', 8_640],
    ['2ms', 2],
    ['1h2m3.5s', 3_723_500],
    ['54s', 54_000],
  ])('%s', (text, expected) => expect(parseGoDuration(text)).toBe(expected));

  test.each(['', '5', 's', '5x', '1s '])('%j is none', (text) => expect(parseGoDuration(text)).toBeNull());
});

describe('retry-after', () => {
  const now = Date.UTC(2026, 10, 20, 12);

  test.each([
    ['46', 46_000],
    ['0.5', 500],
    ['Fri, 20 Nov 2026 12:00:30 GMT', 30_000],
    ['Fri, 20 Nov 2026 11:59:00 GMT', null],
    ['-1', null],
    ['soon', null],
    [undefined, null],
  ])('%s', (text, expected) => expect(parseRetryAfter(text, now)).toBe(expected));

  test('milliseconds are preferred to seconds', () => {
    expect(readRetryAfter({ 'retry-after': '46', 'retry-after-ms': '45190' }, now)).toBe(45_190);
  });

  test('a useless retry-after-ms of 0 beside seconds does not hide them (Azure)', () => {
    expect(readRetryAfter({ 'retry-after': '1', 'retry-after-ms': '0' }, now)).toBe(1_000);
  });
});
