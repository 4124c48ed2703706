// `npm run simulate-strategies`: a day of five providers, gone through by each routing strategy in seconds: what a request costs,
// how long the first token takes, how many fail. The strategies are the broker's own (src/routing/strategies.ts), with what they
// would know at each moment; circuits and one fallback as the broker has them. Writes docs/strategies.md and its plots.
import { writeFileSync } from 'node:fs';
import { createCatalogue } from '#src/config/catalogue.ts';
import { configurationSchema } from '#src/config/schema.ts';
import { STRATEGY_NAMES, type StrategyName } from '#src/contracts/route-plan.ts';
import { quantile } from '#src/routing/signals.ts';
import { orderCandidates, type Signals } from '#src/routing/strategies.ts';
import { callAt, DAY, type ProviderDay, type Random, seeded } from './simulate-strategies/day.ts';
import { renderPlot } from './simulate-strategies/plot.ts';

const SEED = 20_261_128;
const PER_HOUR = 4_000;
const MS_PER_HOUR = 3_600_000;
/** As src/routing/signals.ts keeps them. */
const KEPT_SAMPLES = 40;
const FRESH_MS = 600_000;
/** As the defaults of a circuit. */
const CIRCUIT = { failures: 5, windowMs: 10_000, cooldownMs: 5_000, maxCooldownMs: 15_000 };
const STATIC = 'static order';

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
  /** By hour: the 95 % quantile of the first token. */
  p95ByHour: number[];
}

const { candidates } = createCatalogue(
  configurationSchema.parse({
    providers: Object.fromEntries(
      DAY.map(({ name }) => [name, { protocols: ['openai-chat'], base_url: 'http://127.0.0.1:1/v1' }]),
    ),
    models: { m: { deployments: DAY.map(({ name, tier }) => ({ provider: name, model: 'm', tier })) } },
  }),
).findModel('m')!;
const dayOf = new Map(DAY.map((provider) => [provider.name, provider]));

function simulate(strategy: StrategyName | typeof STATIC): Figures {
  // The world and the strategy draw from different lots: each strategy meets the same day.
  const random = seeded(SEED + 1);
  const health = new Map(DAY.map(({ name }) => [name, newHealth()]));
  const waits: number[] = [];
  const byHour = Array.from({ length: 24 }, (): number[] => []);
  let failed = 0;
  let costUsd = 0;
  const total = 24 * PER_HOUR;
  for (let n = 0; n < total; n++) {
    const atMs = (n * 24 * MS_PER_HOUR) / total;
    const world = seeded(SEED ^ (n * 7_919));
    const order = strategy === STATIC ? DAY.map(({ name }) => name) : orderOf(strategy, health, atMs, random);
    const answer = askInTurn(order, health, atMs, world);
    costUsd += answer.costUsd;
    if (answer.failed) failed += 1;
    else {
      waits.push(answer.waitMs);
      byHour[Math.floor(atMs / MS_PER_HOUR)]!.push(answer.waitMs);
    }
  }
  return {
    strategy,
    costPerThousandUsd: (costUsd / total) * 1_000,
    p50Ms: quantile(waits, 0.5)!,
    p95Ms: quantile(waits, 0.95)!,
    failedPercent: (failed / total) * 100,
    p95ByHour: byHour.map((values) => quantile(values, 0.95) ?? 0),
  };
}

function newHealth(): Health {
  return { samples: [], recent: [], openUntilMs: 0, cooldownMs: CIRCUIT.cooldownMs, inFlightUntil: [] };
}

function orderOf(strategy: StrategyName, health: ReadonlyMap<string, Health>, atMs: number, random: Random): string[] {
  const of = (name: string) => health.get(name)!;
  const signals: Signals = {
    costUsd: ({ deployment }) => dayOf.get(deployment.provider.name)!.costUsd,
    load: ({ deployment }) => {
      const state = of(deployment.provider.name);
      state.inFlightUntil = state.inFlightUntil.filter((until) => until > atMs);
      return state.inFlightUntil.length;
    },
    firstTokenMs: ({ deployment }) => speedOf(of(deployment.provider.name), atMs),
    tokensPerSecond: ({ deployment }) => {
      const ms = speedOf(of(deployment.provider.name), atMs);
      return ms === null ? null : 40_000 / ms;
    },
    quotaLeft: () => null,
  };
  const ordered = orderCandidates(candidates, { order: [], strategy, isAsked: true }, signals, random);
  const wanted =
    strategy === 'tiered'
      ? orderCandidates(candidates, { order: [], strategy, isAsked: false }, signals, random)
      : ordered;
  const names = wanted.map(({ deployment }) => deployment.provider.name);
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

/** The first, and one more where that fails: further ones come too late for most clients. */
const TRIES = 2;

function askInTurn(order: readonly string[], health: ReadonlyMap<string, Health>, atMs: number, world: Random): Answer {
  let waitMs = 0;
  for (const name of order.slice(0, TRIES)) {
    const provider: ProviderDay = dayOf.get(name)!;
    const call = callAt(provider, ((atMs + waitMs) / MS_PER_HOUR) % 24, world);
    const state = health.get(name)!;
    waitMs += call.firstTokenMs;
    note(state, atMs, call);
    if (!call.failed) return { waitMs, costUsd: provider.costUsd, failed: false };
  }
  return { waitMs, costUsd: 0, failed: true };
}

function note(state: Health, atMs: number, { failed, firstTokenMs }: { failed: boolean; firstTokenMs: number }): void {
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

const startedAtMs = performance.now();
const names = [
  STATIC,
  ...STRATEGY_NAMES.filter((name) => name !== 'highest_throughput' && name !== 'most_quota_left'),
] as const;
const figures = names.map(simulate);
const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1);

const table = figures.map(
  ({ strategy, costPerThousandUsd, p50Ms, p95Ms, failedPercent }) =>
    `| ${strategy === STATIC ? strategy : `\`${strategy}\``} | ${costPerThousandUsd.toFixed(2)} | ${Math.round(p50Ms)} | ${Math.round(p95Ms)} | ${failedPercent.toFixed(2)} |`,
);
const bars = (title: string, unit: string, value: (one: Figures) => number) =>
  renderPlot({
    title,
    unit,
    kind: 'bars',
    series: figures.map((one) => ({ name: one.strategy, values: [value(one)] })),
  });
const plots = {
  cost: bars('Cost of a thousand requests', 'USD', ({ costPerThousandUsd }) => costPerThousandUsd),
  p95: bars('First token, 95 % are quicker', 'ms', ({ p95Ms }) => p95Ms),
  failures: bars('Requests that failed', '%', ({ failedPercent }) => failedPercent),
  day: renderPlot({
    title: 'First token over the day, 95 % are quicker',
    unit: 'ms',
    kind: 'lines',
    series: figures.map((one) => ({ name: one.strategy, values: one.p95ByHour })),
  }),
};
const docs = new URL('../docs/', import.meta.url);
for (const [name, svg] of Object.entries(plots)) writeFileSync(new URL(`strategies-${name}.svg`, docs), svg);
const page = `# Strategies over a day

<!-- Generated by npm run simulate-strategies. -->

${(24 * PER_HOUR).toLocaleString('en')} requests over a day of five providers, gone through by each strategy of [routing](routing.md) with what it would
know at each moment; the same day for all. The providers have the shapes of public latency boards and status pages (rush hours, long
tails, errors, outages from 18 minutes to two hours); they are in \`scripts/simulate-strategies/day.ts\`, and no provider is meant. A
request is asked of two of them at most, circuits are those of the broker. The static order asks them in the order of the
file, without circuits.

| strategy | USD per 1,000 | first token, median ms | 95 % ms | failed % |
|---|---|---|---|---|
${table.join('\n')}

![Cost](strategies-cost.svg)
![First token](strategies-p95.svg)
![Failures](strategies-failures.svg)
![Over the day](strategies-day.svg)

What it says: one fallback takes nearly all failures away, whatever the order; circuits take the waits of outages away (\`tiered\` beside
the static order). \`lowest_latency\` follows the rush hours, leaves a slow provider within seconds, and pays for it. \`lowest_price\`
has the cheapest provider's tail and its outages. \`weighted\` and \`least_busy\` spread, and so have a part of everybody's tail.

Run it with prices and latencies of your own: edit the day, then \`npm run simulate-strategies\`.
`;
writeFileSync(new URL('strategies.md', docs), page);
console.log(table.join('\n'));
console.log(`${figures.length} strategies, ${seconds} s`);
