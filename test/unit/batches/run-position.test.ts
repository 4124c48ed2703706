import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodePosition, encodePosition, START } from '#src/batches/input-lines.ts';
import { explore } from '#test/support/runs.ts';

test('a position is encoded and decoded, in the order of its lines', () => {
  const line = fc.record({ number: fc.nat(40_000_000), offset: fc.nat(2 ** 31 - 1), length: fc.nat(1e8) });
  const lines = fc.uniqueArray(line, { selector: ({ number }) => number, maxLength: 200 });
  fc.assert(
    fc.property(fc.nat(), fc.nat(), lines, (number, offset, open) => {
      const sorted = [...open].sort((a, b) => a.number - b.number);
      expect(decodePosition(encodePosition({ next: { number, offset }, open }))).toEqual({
        next: { number, offset },
        open: sorted,
      });
    }),
    explore(100),
  );
  expect(decodePosition(encodePosition(START))).toEqual(START);
});

test('two thousand open lines are a few kilobytes', () => {
  const open = Array.from({ length: 2_000 }, (_, index) => ({
    number: 900_000 + index,
    offset: 4e9 + index * 500,
    length: 499,
  }));
  expect(encodePosition({ next: { number: 902_000, offset: 4e9 }, open }).length).toBeLessThan(25_000);
});
