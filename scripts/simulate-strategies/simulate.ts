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
export const SIMULATED = [STATIC, ...STRATEGY_NAMES.filter((name) => !LEFT_OUT.includes(name))] as const;

interface Health {
  samples: { atMs: number; firstTokenMs: number }[];
  recent: { atMs: number; failed: boolean }[];
  openUntilMs: number;
  cooldownMs: number;
  inFlightUntil: number[];
}

export interface Figures {
  strategy: string;
  costPerThousandUsd: number;
  p50Ms: number;
  p95Ms: number;
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
  const waits: number[] = [];
  const byPart = Array.from({ length: PARTS }, (): number[] => []);
  let costUsd = 0;
  for (const [n, atMs] of arrivalsMs.entries()) {
    const order =
      strategy === STATIC
        ? providers.map(({ name }) => name)
        : orderOf(strategy, { candidates, providers, health }, atMs, random);
    const answer = askInTurn(world, order, health, atMs, seeded(SEED ^ (n * 7_919)));
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

function askInTurn(
  world: World,
  order: readonly string[],
  health: ReadonlyMap<string, Health>,
  atMs: number,
  random: Random,
): Answer {
  let waitMs = 0;
  let costUsd = 0;
  for (const name of order.slice(0, TRIES)) {
    const call = world.callAt(name, atMs + waitMs, random);
    waitMs += call.firstTokenMs;
    costUsd += call.costUsd;
    note(health.get(name)!, atMs, call);
    if (!call.failed) return { waitMs, costUsd, failed: false };
  }
  return { waitMs, costUsd, failed: true };
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
