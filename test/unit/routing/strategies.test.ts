// The order that each strategy derives from the same five deployments and their signals.
import { describe, expect, test } from 'vitest';
import type { Candidate } from '#src/config/catalogue.ts';
import { STRATEGY_NAMES, type StrategyName } from '#src/contracts/route-plan.ts';
import { NO_SIGNALS, orderCandidates, type Signals, STRATEGIES } from '#src/routing/strategies.ts';

interface Known {
  tier?: number;
  weight?: number;
  costUsd?: number;
  load?: number;
  firstTokenMs?: number;
  tokensPerSecond?: number;
  quotaLeft?: number;
}

function candidate(id: string, { tier = 1, weight = 1 }: Known): Candidate {
  const deployment = { id, provider: { name: id }, tier, weight, upstreamModel: id };
  return { deployment, upstreamModel: id } as unknown as Candidate;
}

function signalsOf(known: Readonly<Record<string, Known>>): Signals {
  const of = (name: keyof Signals) => (asked: Candidate) => known[asked.deployment.id]?.[name] ?? null;
  return Object.fromEntries(Object.keys(NO_SIGNALS).map((name) => [name, of(name as keyof Signals)])) as never;
}

/** Draws that leave candidates of equal weight in their order. */
function rising(): () => number {
  let drawn = 0.1;
  return () => {
    drawn += 0.01;
    return drawn;
  };
}

function order(strategy: StrategyName, known: Readonly<Record<string, Known>>, more: object = {}): string[] {
  const candidates = Object.entries(known).map(([id, facts]) => candidate(id, facts));
  const wishes = { order: [], strategy, isAsked: false, ...more };
  return orderCandidates(candidates, wishes, signalsOf(known), rising()).map(({ deployment: { id } }) => id);
}

test.each<[string, StrategyName, Record<string, Known>, string[]]>([
  ['tiered: lower tiers first', 'tiered', { a: { tier: 2 }, b: {}, c: { tier: 3 } }, ['b', 'a', 'c']],
  ['weighted: tiers do not count', 'weighted', { a: { tier: 2 }, b: {}, c: { tier: 3 } }, ['a', 'b', 'c']],
  [
    'cheapest first, unknown prices last',
    'lowest_price',
    { a: { costUsd: 3 }, b: {}, c: { costUsd: 1 } },
    ['c', 'a', 'b'],
  ],
  ['prices within a tier', 'lowest_price', { a: { tier: 2, costUsd: 1 }, b: { costUsd: 9 } }, ['b', 'a']],
  ['least busy first', 'least_busy', { a: { load: 9 }, b: { load: 2 }, c: { load: 5 } }, ['b', 'c', 'a']],
  ['a weight is a capacity', 'least_busy', { a: { load: 9, weight: 10 }, b: { load: 2 } }, ['a', 'b']],
  ['one that nobody has counted is idle', 'least_busy', { a: { load: 1 }, b: {} }, ['b', 'a']],
  [
    'fastest first, what is about as fast shares the place',
    'lowest_latency',
    { a: { firstTokenMs: 900 }, b: { firstTokenMs: 109 }, c: { firstTokenMs: 100 }, d: { firstTokenMs: 300 } },
    ['b', 'c', 'd', 'a'],
  ],
  [
    'one of unknown speed behind the best',
    'lowest_latency',
    { a: { firstTokenMs: 900 }, b: {}, c: { firstTokenMs: 100 } },
    ['c', 'b', 'a'],
  ],
  [
    'most tokens per second first',
    'highest_throughput',
    { a: { tokensPerSecond: 20 }, b: { tokensPerSecond: 90 } },
    ['b', 'a'],
  ],
  [
    'most quota left first',
    'most_quota_left',
    { a: { quotaLeft: 0.1 }, b: { quotaLeft: 0.7 }, c: { quotaLeft: 0.5 } },
    ['b', 'c', 'a'],
  ],
  ['no limit is the most', 'most_quota_left', { a: { quotaLeft: 0.7 }, b: {} }, ['b', 'a']],
])('%s', (_name, strategy, known, expected) => {
  expect(order(strategy, known)).toEqual(expected);
});

test('a strategy in the request applies across tiers', () => {
  const known = { a: { tier: 2, costUsd: 1 }, b: { costUsd: 9 } };
  expect(order('lowest_price', known, { isAsked: true })).toEqual(['a', 'b']);
});

test('providers that the request names come first in every strategy', () => {
  const known = { a: { costUsd: 1, load: 0 }, b: { costUsd: 9, load: 9 }, c: { costUsd: 5, load: 5 } };
  for (const strategy of STRATEGY_NAMES) expect(order(strategy, known, { order: ['b'] })[0], strategy).toBe('b');
});

describe('every strategy', () => {
  test.each(STRATEGY_NAMES)('%s returns each candidate once, whatever is known', (strategy) => {
    const known = {
      a: { firstTokenMs: 5, tokensPerSecond: 0 },
      b: { quotaLeft: 0, load: 1 },
      c: { tier: 2, costUsd: 0 },
    };
    expect(order(strategy, known).sort()).toEqual(['a', 'b', 'c']);
    expect(order(strategy, {})).toEqual([]);
  });

  test.each(STRATEGY_NAMES)('%s distributes the first place by weight if nothing is known', (strategy) => {
    let seed = 1;
    const random = () => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    // A deployment without known load counts as having none: a weight counts as capacity.
    const weights = strategy === 'least_busy' ? { a: 1, b: 1 } : { a: 3, b: 1 };
    const candidates = Object.entries(weights).map(([id, weight]) => candidate(id, { weight }));
    const first = Array.from({ length: 2_000 }, () => STRATEGIES[strategy].order(candidates, NO_SIGNALS, random)[0]);
    const share = first.filter((chosen) => chosen!.deployment.id === 'a').length / first.length;
    expect(share).toBeCloseTo(weights.a / (weights.a + weights.b), 1);
  });
});

test('a deployment of unknown speed is sometimes called first, to measure it', () => {
  const known = { a: { firstTokenMs: 100 }, b: {} };
  const candidates = Object.entries(known).map(([id, facts]) => candidate(id, facts));
  let seed = 1;
  const random = () => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const first = Array.from({ length: 2_000 }, () => {
    return STRATEGIES.lowest_latency.order(candidates, signalsOf(known), random)[0]!.deployment.id;
  });
  const share = first.filter((id) => id === 'b').length / first.length;
  expect(share).toBeGreaterThan(0.02);
  expect(share).toBeLessThan(0.09);
});
