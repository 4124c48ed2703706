import { expect, test } from 'vitest';
import { parseGoDuration } from '../../../src/protocols/providers/waits.ts';
import { formatGoDuration } from '../../src/dialects/openai/go-duration.ts';

test.each([
  [0, '0s'],
  [2, '2ms'],
  [0.4, '1ms'],
  [1_000, '1s'],
  [8_640, '8.64s'],
  [54_000, '54s'],
  [360_000, '6m0s'],
  [3_723_004, '1h2m3.004s'],
])('%d ms is written as %s and read back unchanged', (durationMs, text) => {
  expect(formatGoDuration(durationMs)).toBe(text);
  expect(parseGoDuration(text)).toBeCloseTo(Math.ceil(durationMs), 6);
});
