// The order in which the deployments of a model are tried: (candidates, signals) → order. Pure: randomness and measurements are
// passed in. A new strategy is a row of the table, and a name in contracts/route-plan.ts.
import type { Candidate } from '../config/catalogue.ts';
import type { StrategyName } from '../contracts/route-plan.ts';

/** Measurements of a candidate at the time of the plan; null where unknown. */
export interface Signals {
  /** What a request of this size costs. */
  costUsd(candidate: Candidate): number | null;
  /** Requests in flight or waiting, over the fleet. */
  load(candidate: Candidate): number | null;
  /** Time to the first token: the third quartile of the last streams of all workers. */
  firstTokenMs(candidate: Candidate): number | null;
  /** After the first token: the median of the last streams. */
  tokensPerSecond(candidate: Candidate): number | null;
  /** The free part of the limit that is nearest to full, from 0 to 1; null without limits. */
  quotaLeft(candidate: Candidate): number | null;
}

export const NO_SIGNALS: Signals = {
  costUsd: () => null,
  load: () => null,
  firstTokenMs: () => null,
  tokensPerSecond: () => null,
  quotaLeft: () => null,
};

type Random = () => number;
type Order = (candidates: readonly Candidate[], signals: Signals, random: Random) => Candidate[];

interface Strategy {
  /** Deployments of a lower tier come first; the strategy only orders within a tier. */
  respectsTiers: boolean;
  order: Order;
}

/** Measures within this factor of the best count as equal: they are not exact, and one deployment must not get all requests. */
const SIMILAR = 1.1;
/** The same for quotas, as a share of the limit. */
const SIMILAR_QUOTA = 0.05;
/** Probability with which deployments of unknown speed are tried first, to measure them. */
const EXPLORE = 0.05;

export const STRATEGIES: Readonly<Record<StrategyName, Strategy>> = {
  tiered: { respectsTiers: true, order: byLot },
  weighted: { respectsTiers: false, order: byLot },
  lowest_price: {
    respectsTiers: true,
    order: ranked({
      measure: (candidate, signals) => signals.costUsd(candidate),
      similar: (best) => best,
      unknown: 'last',
    }),
  },
  least_busy: {
    respectsTiers: true,
    order: ranked({
      measure: (candidate, signals) => ((signals.load(candidate) ?? 0) + 1) / candidate.deployment.weight,
      similar: (best) => best,
      unknown: 'last',
    }),
  },
  lowest_latency: {
    respectsTiers: true,
    order: ranked({
      measure: (candidate, signals) => signals.firstTokenMs(candidate),
      similar: (best) => best * SIMILAR,
      unknown: 'explored',
    }),
  },
  highest_throughput: {
    respectsTiers: true,
    order: ranked({
      measure: (candidate, signals) => inverse(signals.tokensPerSecond(candidate)),
      similar: (best) => best * SIMILAR,
      unknown: 'explored',
    }),
  },
  most_quota_left: {
    respectsTiers: true,
    order: ranked({
      measure: (candidate, signals) => 1 - (signals.quotaLeft(candidate) ?? 1),
      similar: (best) => best + SIMILAR_QUOTA,
      unknown: 'last',
    }),
  },
};

export interface OrderWishes {
  /** Names of providers that come first, in this order. */
  order: readonly string[];
  strategy: StrategyName;
  /** The request named the strategy, which then applies across all tiers. */
  isAsked: boolean;
}

/** Orders by the requested order of providers, then by tier if the strategy respects tiers, then by the strategy. */
export function orderCandidates(
  candidates: readonly Candidate[],
  { order, strategy: name, isAsked }: OrderWishes,
  signals: Signals,
  random: Random,
): Candidate[] {
  if (candidates.length < 2) return [...candidates];
  const strategy = STRATEGIES[name];
  const hasTiers = strategy.respectsTiers && !isAsked;
  const groupOf = ({ deployment: { provider, tier } }: Candidate) => {
    const wish = order.indexOf(provider.name);
    return { wish: wish < 0 ? order.length : wish, tier: hasTiers ? tier : 0 };
  };
  const groups = Map.groupBy(candidates, (candidate) => {
    const { wish, tier } = groupOf(candidate);
    return `${wish} ${tier}`;
  });
  return [...groups.values()]
    .map((members) => ({ ...groupOf(members[0]!), members }))
    .sort((a, b) => a.wish - b.wish || a.tier - b.tier)
    .flatMap(({ members }) => strategy.order(members, signals, random));
}

function byLot(candidates: readonly Candidate[], _signals: Signals, random: Random): Candidate[] {
  return drawOrder(candidates, ({ deployment }) => deployment.weight, random);
}

/** A weighted random order: each item comes first with probability weight/sum (exponential variates). */
export function drawOrder<T>(items: readonly T[], weightOf: (item: T) => number, random: Random): T[] {
  const lots = items.map((item) => ({ item, lot: -Math.log(1 - random()) / weightOf(item) }));
  return lots.sort((a, b) => a.lot - b.lot).map(({ item }) => item);
}

interface Ranking {
  /** Lower is better. */
  measure: (candidate: Candidate, signals: Signals) => number | null;
  /** The highest measure that counts as equal to the best. */
  similar: (best: number) => number;
  /** Place of a candidate without a measure: last, or after the best ones, and before them with probability EXPLORE. */
  unknown: 'last' | 'explored';
}

/** First the best and those that count as equal, in a random order by weight; then the others by their measure. */
function ranked({ measure, similar, unknown }: Ranking): Order {
  return (candidates, signals, random) => {
    const rated = byLot(candidates, signals, random).map((candidate) => ({
      candidate,
      value: measure(candidate, signals),
    }));
    const known = rated.filter((entry): entry is { candidate: Candidate; value: number } => entry.value !== null);
    const others = rated.filter(({ value }) => value === null);
    const bound = similar(Math.min(...known.map(({ value }) => value)));
    const best = known.filter(({ value }) => value <= bound);
    const rest = known.filter(({ value }) => value > bound).sort((a, b) => a.value - b.value);
    const placed = unknown === 'last' ? [best, rest, others] : explored(best, rest, others, random);
    return placed.flat().map(({ candidate }) => candidate);
  };
}

function explored<T>(best: T[], rest: T[], others: T[], random: Random): T[][] {
  if (others.length === 0 || best.length === 0) return [others, best, rest];
  return random() < EXPLORE ? [others, best, rest] : [best, others, rest];
}

function inverse(value: number | null): number | null {
  return value === null || value <= 0 ? null : 1 / value;
}
