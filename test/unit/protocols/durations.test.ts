import { describe, expect, test } from 'vitest';
import {
  parseGoDuration,
  parseReset,
  parseRetryAfter,
  parseSpokenWait,
  readRetryAfter,
} from '#src/protocols/providers/waits.ts';

describe('durations in rate-limit headers', () => {
  test.each([
    ['6m0s', 360_000],
    ['8.64s', 8_640],
    ['2ms', 2],
    ['1h2m3.5s', 3_723_500],
    ['54s', 54_000],
  ])('%s', (text, expected) => expect(parseGoDuration(text)).toBe(expected));

  test.each(['', '5', 's', '5x', '1s '])('%j is not a duration', (text) => expect(parseGoDuration(text)).toBeNull());
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

  test('a retry-after-ms of 0 does not override retry-after in seconds (Azure)', () => {
    expect(readRetryAfter({ 'retry-after': '1', 'retry-after-ms': '0' }, now)).toBe(1_000);
  });
});

describe('a reset', () => {
  const now = Date.UTC(2026, 10, 20, 12);

  test.each([
    ['6m0s', 360_000],
    ['12', 12_000],
    ['0.5', 500],
    [String(now / 1_000 + 30), 30_000],
    [String(now + 30_000), 30_000],
    [String(now - 30_000), 0],
    ['Fri, 20 Nov 2026 12:00:30 GMT', 30_000],
    ['2026-11-20T12:00:30Z', 30_000],
    ['soon', null],
    ['-5', null],
    ['', null],
    [undefined, null],
  ])('%s', (text, expected) => expect(parseReset(text, now)).toBe(expected));

  test('a retry-after with a date is read as one', () => {
    expect(parseRetryAfter(String(now / 1_000 + 30), now)).toBe(30_000);
  });
});

describe('a wait in a message', () => {
  test.each([
    ['Please retry in 3.2s.', 3_200],
    ['Please try again in 1m2s. Visit us.', 62_000],
    ['Rate limit reached. Please try again in 450ms.', 450],
    ['Try again in 20 seconds', 20_000],
    ['Please retry after 5 minutes and 3 seconds.', 303_000],
    ['Please wait 1 hour, 2 minutes before the next call', 3_720_000],
    ['Retrying in about 2 sec', 2_000],
    ['retry in 48.123456789s', 48_123.456_789],
    ['You may try again in 3 messages.', null],
    ['Try again later.', null],
    ['', null],
  ])('%s', (text, expected) => {
    const wait = parseSpokenWait(text);
    if (expected === null) expect(wait).toBeNull();
    else expect(wait).toBeCloseTo(expected, 3);
  });
});
