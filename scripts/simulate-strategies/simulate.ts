// Simulates a day of requests with a routing strategy: cost, time to the first token, failures. Uses the broker's own strategies
// (src/routing/strategies.ts) with the signals that they would have at each moment, and its circuits and one fallback.
import { createCatalogue } from '#src/config/catalogue.ts';
import { configurationSchema } from '#src/config/schema.ts';
import { STRATEGY_NAMES, type StrategyName } from '#src/contracts/route-plan.ts';
import { quantile } from '#src/routing/signals.ts';
import { orderCandidates, type Signals } from '#src/routing/strategies.ts';

export type Random = () => number;

export interface ProviderFacts {
  name: string;
  tier: number;
  /** USD per request of typical size. */
  costUsd: number;
}

export interface Call {
  firstTokenMs: number;
  failed: boolean;
  costUsd: number;
}

/** The events of a day, independent of the strategy. */
export interface World {
  /** In the static order. */
  providers: readonly ProviderFacts[];
  lengthMs: number;
  /** Arrival times of requests, from the start of the day. */
  arrivalsMs: readonly number[];
  /** The result of a call at this moment. */
  callAt(name: string, atMs: number, random: Random): Call;
}

const SEED = 20_261_128;
const PARTS = 24;
/** As src/routing/signals.ts keeps them. */
const KEPT_SAMPLES = 40;
const FRESH_MS = 600_000;
/** The defaults of circuits. */
const CIRCUIT = { failures: 5, windowMs: 10_000, cooldownMs: 5_000, maxCooldownMs: 15_000 };
export const STATIC = 'static order';
/** In this simulation throughput follows the first token, and there are no quotas. */
const LEFT_OUT: readonly StrategyName[] = ['highest_throughput', 'most_quota_left'];
/** `tiered`, and the next provider is also called if the first is slow to begin. */
export const HEDGED = 'hedged';
export const SIMULATED = [STATIC, ...STRATEGY_NAMES.filter((name) => !LEFT_OUT.includes(name)), HEDGED] as const;

interface Health {
  samples: { atMs: number; firstTokenMs: number }[];
  recent: { atMs: number; failed: boolean }[];
  openUntilMs: number;
  cooldownMs: number;
  inFlightUntil: number[];
}

/** What hedges are bounded by, over all providers (src/limits/hedge-admit.lua, with the defaults). */
interface Allowance {
  /** Answers and hedges of the last ten minutes. */
  recent: { atMs: number; costUsd: number; isHedge: boolean }[];
}

const HEDGE = { atLeastMs: 200, leastSamples: 20, maxSharePercent: 5, maxCostPercent: 5, windowMs: 600_000 };

export interface Figures {
  strategy: string;
  costPerThousandUsd: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  failedPercent: number;
  /** 95 % quantile of the time to the first token, by part of the day. */
  p95ByPart: number[];
}

function candidatesOf(providers: readonly ProviderFacts[]) {
  const address = { protocols: ['openai-chat' as const], base_url: 'http://127.0.0.1:1/v1' };
  const configuration = configurationSchema.parse({
    providers: Object.fromEntries(providers.map(({ name }) => [name, address])),
    models: { m: { deployments: providers.map(({ name, tier }) => ({ provider: name, model: 'm', tier })) } },
  });
  return createCatalogue(configuration).findModel('m')!.candidates;
}

export function simulate(world: World, strategy: (typeof SIMULATED)[number]): Figures {
  const { providers, lengthMs, arrivalsMs } = world;
  const candidates = candidatesOf(providers);
  // World and strategy use separate random generators, so that all strategies get the same day.
  const random = seeded(SEED + 1);
  const health = new Map(providers.map(({ name }) => [name, newHealth()]));
  const allowance: Allowance | null = strategy === HEDGED ? { recent: [] } : null;
  const ordering = strategy === HEDGED ? 'tiered' : strategy;
  const waits: number[] = [];
  const byPart = Array.from({ length: PARTS }, (): number[] => []);
  let costUsd = 0;
  for (const [n, atMs] of arrivalsMs.entries()) {
    const order =
      ordering === STATIC
        ? providers.map(({ name }) => name)
        : orderOf(ordering, { candidates, providers, health }, atMs, random);
    const answer = askInTurn({ world, health, allowance }, order, atMs, seeded(SEED ^ (n * 7_919)));
    costUsd += answer.costUsd;
    if (answer.failed) continue;
    waits.push(answer.waitMs);
    byPart[Math.min(PARTS - 1, Math.floor((atMs * PARTS) / lengthMs))]!.push(answer.waitMs);
  }
  const total = Math.max(1, arrivalsMs.length);
  return {
    strategy,
    costPerThousandUsd: (costUsd / total) * 1_000,
    p50Ms: quantile(waits, 0.5) ?? 0,
    p95Ms: quantile(waits, 0.95) ?? 0,
    p99Ms: quantile(waits, 0.99) ?? 0,
    failedPercent: ((total - waits.length) / total) * 100,
    p95ByPart: byPart.map((values) => quantile(values, 0.95) ?? 0),
  };
}

function newHealth(): Health {
  return { samples: [], recent: [], openUntilMs: 0, cooldownMs: CIRCUIT.cooldownMs, inFlightUntil: [] };
}

interface Known {
  candidates: Parameters<typeof orderCandidates>[0];
  providers: readonly ProviderFacts[];
  health: ReadonlyMap<string, Health>;
}

function orderOf(strategy: StrategyName, known: Known, atMs: number, random: Random): string[] {
  const of = (name: string) => known.health.get(name)!;
  const costs = new Map(known.providers.map(({ name, costUsd }) => [name, costUsd]));
  const signals: Signals = {
    costUsd: ({ deployment }) => costs.get(deployment.provider.name)!,
    load: ({ deployment }) => {
      const state = of(deployment.provider.name);
      state.inFlightUntil = state.inFlightUntil.filter((until) => until > atMs);
      return state.inFlightUntil.length;
    },
    firstTokenMs: ({ deployment }) => speedOf(of(deployment.provider.name), atMs),
    tokensPerSecond: () => null,
    quotaLeft: () => null,
  };
  // Tiers come from the model's configuration: a strategy that the request asks for orders across tiers.
  const isAsked = strategy !== 'tiered';
  const ordered = orderCandidates(known.candidates, { order: [], strategy, isAsked }, signals, random);
  const names = ordered.map(({ deployment }) => deployment.provider.name);
  const isOut = (name: string) => of(name).openUntilMs > atMs;
  return [...names.filter((name) => !isOut(name)), ...names.filter(isOut)];
}

function speedOf({ samples }: Health, atMs: number): number | null {
  return quantile(
    samples.filter((sample) => atMs - sample.atMs <= FRESH_MS).map(({ firstTokenMs }) => firstTokenMs),
    0.75,
  );
}

interface Answer {
  waitMs: number;
  costUsd: number;
  failed: boolean;
}

/** The first call and one fallback: further ones come too late for most clients. */
const TRIES = 2;

interface State {
  world: World;
  health: ReadonlyMap<string, Health>;
  allowance: Allowance | null;
}

function askInTurn(state: State, order: readonly string[], atMs: number, random: Random): Answer {
  const { world, health, allowance } = state;
  let waitMs = 0;
  let costUsd = 0;
  for (const [index, name] of order.slice(0, TRIES).entries()) {
    const call = world.callAt(name, atMs + waitMs, random);
    const afterMs = allowance === null || index > 0 ? null : hedgeAfter(state, order, call, atMs);
    if (afterMs !== null) return race(state, order, { first: call, afterMs }, atMs, random);
    waitMs += call.firstTokenMs;
    costUsd += call.costUsd;
    note(health.get(name)!, atMs, call);
    if (call.failed) continue;
    allowance?.recent.push({ atMs, costUsd: call.costUsd, isHedge: false });
    return { waitMs, costUsd, failed: false };
  }
  return { waitMs, costUsd, failed: true };
}

/** How long the first call may take before the second is made; null if there is none. */
function hedgeAfter({ health, allowance }: State, order: readonly string[], first: Call, atMs: number): number | null {
  const [usual, next] = order.map((name) => health.get(name)!);
  if (next === undefined || next.openUntilMs > atMs) return null;
  const fresh = usual!.samples.filter((sample) => atMs - sample.atMs <= FRESH_MS);
  if (fresh.length < HEDGE.leastSamples) return null;
  const p95Ms = quantile(
    fresh.map(({ firstTokenMs }) => firstTokenMs),
    0.95,
  )!;
  const afterMs = Math.max(HEDGE.atLeastMs, p95Ms);
  return first.firstTokenMs <= afterMs || !isAllowed(allowance!, first.costUsd, atMs) ? null : afterMs;
}

function isAllowed(allowance: Allowance, lossUsd: number, atMs: number): boolean {
  const first = allowance.recent.findIndex((one) => atMs - one.atMs <= HEDGE.windowMs);
  allowance.recent.splice(0, Math.max(0, first));
  const hedges = allowance.recent.filter(({ isHedge }) => isHedge);
  const answers = allowance.recent.filter(({ isHedge }) => !isHedge);
  const sumOf = (list: Allowance['recent']) => list.reduce((sum, { costUsd }) => sum + costUsd, 0);
  if ((hedges.length + 1) * 100 > answers.length * HEDGE.maxSharePercent) return false;
  return (sumOf(hedges) + lossUsd) * 100 <= sumOf(answers) * HEDGE.maxCostPercent;
}

/** Both are called; the first to begin is the answer. The loser is assumed to cost as much as an answer, which is too much. */
function race(
  { world, health, allowance }: State,
  [firstName, secondName]: readonly string[],
  { first, afterMs }: { first: Call; afterMs: number },
  atMs: number,
  random: Random,
): Answer {
  const second = world.callAt(secondName!, atMs + afterMs, random);
  const secondMs = afterMs + second.firstTokenMs;
  const isFirst = !first.failed && (second.failed || first.firstTokenMs <= secondMs);
  const failed = first.failed && second.failed;
  const waitMs = failed ? Math.max(first.firstTokenMs, secondMs) : isFirst ? first.firstTokenMs : secondMs;
  // A first call that lost counts with the time that it had.
  note(health.get(firstName!)!, atMs, { ...first, firstTokenMs: Math.min(first.firstTokenMs, waitMs) });
  if (!isFirst || second.failed) note(health.get(secondName!)!, atMs, second);
  const lost = isFirst ? second : first;
  allowance!.recent.push({ atMs, costUsd: lost.costUsd, isHedge: true });
  if (!failed) allowance!.recent.push({ atMs, costUsd: isFirst ? first.costUsd : second.costUsd, isHedge: false });
  return { waitMs, costUsd: first.costUsd + second.costUsd, failed };
}

function note(state: Health, atMs: number, { failed, firstTokenMs }: Call): void {
  state.inFlightUntil.push(atMs + firstTokenMs);
  state.recent = [...state.recent.filter((one) => atMs - one.atMs <= CIRCUIT.windowMs), { atMs, failed }];
  if (!failed) {
    state.samples = [...state.samples, { atMs, firstTokenMs }].slice(-KEPT_SAMPLES);
    state.cooldownMs = CIRCUIT.cooldownMs;
    return;
  }
  const bad = state.recent.filter((one) => one.failed).length;
  const wasTried = state.openUntilMs > 0 && atMs - state.openUntilMs < CIRCUIT.windowMs && atMs >= state.openUntilMs;
  if (!wasTried && (bad < CIRCUIT.failures || bad * 2 < state.recent.length)) return;
  state.openUntilMs = atMs + state.cooldownMs;
  state.cooldownMs = Math.min(CIRCUIT.maxCooldownMs, state.cooldownMs * 2);
  state.recent = [];
}

/** The generator Mulberry32. */
function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
