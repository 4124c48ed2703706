import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chargeOf, costOf, formatCharge, formatUsd, parseUsd, scaleDecimal } from '#src/contracts/money.ts';
import { NO_USAGE } from '#src/contracts/usage.ts';
import { explore } from '#test/support/runs.ts';

describe('decimal texts become whole numbers without a float in between', () => {
  test.each([
    ['2.5', 6, 2_500_000n],
    ['0.0375', 6, 37_500n],
    ['1e-7', 12, 100_000n],
    ['1.5E2', 0, 150n],
    ['-0.1', 1, -1n],
    ['.5', 1, 5n],
    ['5.', 0, 5n],
    ['0.1234567', 6, 123_457n],
  ])('%s with %i decimals', (text, decimals, expected) => {
    expect(scaleDecimal(text, decimals)).toBe(expected);
  });

  test.each(['', '.', 'abc', '1,5', '0x10', 'NaN', '1e999999'])('%j is refused', (text) => {
    expect(() => scaleDecimal(text, 6)).toThrow(TypeError);
  });
});

test('a printed amount is read back as the same amount', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), (pico) => {
      expect(parseUsd(formatUsd(pico))).toBe(pico);
      expect(Number.isFinite(JSON.parse(formatUsd(pico)))).toBe(true);
    }),
    explore(100),
  );
});

describe('a charge is the cost rounded up to 1/10,000 USD, once', () => {
  test.each([
    ['0', '0'],
    ['0.000000000001', '0.0001'],
    ['0.0001', '0.0001'],
    ['0.000100000001', '0.0002'],
    ['0.0000123', '0.0001'],
    ['1.23456', '1.2346'],
  ])('%s becomes a charge of %s', (cost, charge) => {
    expect(formatCharge(chargeOf(parseUsd(cost)))).toBe(charge);
  });
});

describe('credits are charged with a markup, in steps', () => {
  test.each([
    ['0.0001', { markupPpm: 0, stepUnits: 1 }, '0.0001'],
    ['0.0001', { markupPpm: 1, stepUnits: 1 }, '0.0002'],
    ['0.0001', { markupPpm: 500_000, stepUnits: 1 }, '0.0002'],
    ['1', { markupPpm: 200_000, stepUnits: 1 }, '1.2'],
    ['0.0001', { markupPpm: 0, stepUnits: 100 }, '0.01'],
    ['0.010000000001', { markupPpm: 0, stepUnits: 100 }, '0.02'],
    ['0', { markupPpm: 200_000, stepUnits: 100 }, '0'],
  ])('%s by %o is %s', (cost, terms, charge) => {
    expect(formatCharge(chargeOf(parseUsd(cost), terms))).toBe(charge);
  });
});

describe('every token is billed at exactly one rate', () => {
  const price = { input: 1_000n, cachedInput: 100n, cacheWrite: 1_250n, output: 5_000n };

  test('cached and written tokens are subtracted from the input', () => {
    const usage = { ...NO_USAGE, inputTokens: 100, cachedInputTokens: 30, cacheWriteTokens: 20, outputTokens: 10 };
    expect(costOf(usage, price)).toBe(50n * 1_000n + 30n * 100n + 20n * 1_250n + 10n * 5_000n);
  });

  test('reasoning tokens are part of the output, not an addition', () => {
    expect(costOf({ ...NO_USAGE, outputTokens: 10, reasoningTokens: 8 }, price)).toBe(50_000n);
  });

  test('a provider that counts more cached tokens than input never gives a negative cost', () => {
    expect(costOf({ ...NO_USAGE, inputTokens: 10, cachedInputTokens: 30 }, price)).toBe(3_000n);
  });
});

describe('what is not billed by the token', () => {
  const price = { input: 100n, cachedInput: 10n, cacheWrite: 125n, output: 500n };
  const usage = { ...NO_USAGE, inputTokens: 1_000, cacheWriteTokens: 300, outputTokens: 10 };

  test('cache writes for an hour cost 1.6 times the others, or what is configured', () => {
    const base = 700n * 100n + 200n * 125n + 10n * 500n;
    expect(costOf({ ...usage, longCacheWriteTokens: 100 }, price)).toBe(base + 100n * 200n);
    expect(costOf({ ...usage, longCacheWriteTokens: 100 }, { ...price, longCacheWrite: 7n })).toBe(base + 100n * 7n);
  });

  test('what the provider does not charge costs nothing', () => {
    expect(costOf({ ...usage, isUnbilled: true }, price)).toBe(0n);
  });
});
