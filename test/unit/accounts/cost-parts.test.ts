// The parts of a recorded cost: every token is in one part, and the parts add up to the whole.
import { expect, test } from 'vitest';
import { costParts } from '#src/accounts/request-cost.ts';
import { costOf, type Price } from '#src/contracts/money.ts';
import { NO_USAGE, type Usage } from '#src/contracts/usage.ts';

const PRICE: Price = {
  input: 2_000_000n,
  cachedInput: 500_000n,
  cacheWrite: 2_500_000n,
  output: 10_000_000n,
  request: 7n,
  tools: { web_search: 10_000_000_000n },
  tiers: { flex: { input: 1_000_000n, cachedInput: 250_000n, cacheWrite: 1_000_000n, output: 5_000_000n } },
};

const USAGE: Usage = {
  ...NO_USAGE,
  inputTokens: 1_000,
  cachedInputTokens: 600,
  cacheWriteTokens: 100,
  outputTokens: 50,
  reasoningTokens: 20,
};

const partsOf = (usage: Usage, booked = costOf(usage, PRICE)) =>
  Object.fromEntries(costParts(usage, PRICE, booked).map(({ part, count, cost }) => [part, [count, cost]]));

test('cost is split into input, caches, output, thoughts, tools and the call itself', () => {
  expect(partsOf({ ...USAGE, toolCalls: { web_search: 2 } })).toEqual({
    input: [300, 600_000_000n],
    cached_input: [600, 300_000_000n],
    cache_write: [100, 250_000_000n],
    output: [30, 300_000_000n],
    reasoning: [20, 200_000_000n],
    web_search: [2, 20_000_000_000n],
    request: [1, 7n],
  });
});

test('parts use the rates of the tier that served the call', () => {
  expect(partsOf({ ...USAGE, serviceTier: 'flex' })).toMatchObject({ input: [300, 300_000_000n] });
  expect(partsOf({ ...USAGE, serviceTier: 'flex' })).not.toHaveProperty('other');
});

test('a difference from current prices is a separate part, positive or negative', () => {
  const cost = costOf(USAGE, PRICE);
  expect(partsOf(USAGE, cost + 5n).other).toEqual([1, 5n]);
  expect(partsOf(USAGE, cost - 5n).other).toEqual([1, -5n]);
});
