// Registers the metrics of metric-table.ts in the processes that have them, and sets them.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { LedgerEntry } from '../contracts/ledger-entry.ts';
import { PICO_PER_USD } from '../contracts/money.ts';
import { METRICS, type MetricDefinition, type MetricPart } from './metric-table.ts';

type Table = typeof METRICS;
type NamesOf<Part extends MetricPart> = {
  [Name in keyof Table]: Table[Name]['part'] extends Part ? Name : never;
}[keyof Table];

interface Instruments<Label extends string> {
  counter: Counter<Label>;
  gauge: Gauge<Label>;
  histogram: Histogram<Label>;
}
type Registered<Part extends MetricPart> = {
  [Name in NamesOf<Part>]: Instruments<Table[Name]['labels'][number]>[Table[Name]['type']];
};

/** Gauges that are read when they are scraped, by name. */
type Readings = Readonly<Record<string, () => number>>;

/** All metrics of a part, by their names in the table. */
function register<Part extends MetricPart>(registry: Registry, part: Part, readings: Readings = {}): Registered<Part> {
  const entries = Object.entries<MetricDefinition>(METRICS).filter(([, metric]) => metric.part === part);
  return Object.fromEntries(
    entries.map(([name, metric]) => [name, instrumentOf(registry, metric, readings[metric.name])]),
  ) as unknown as Registered<Part>;
}

function instrumentOf(
  registry: Registry,
  { name, help, labels, type, buckets }: MetricDefinition,
  reading: (() => number) | undefined,
) {
  const options = { name, help, labelNames: labels, registers: [registry] };
  if (type === 'counter') return new Counter(options);
  if (type === 'gauge' && reading === undefined) return new Gauge(options);
  if (type === 'gauge') return new Gauge({ ...options, collect: readInto(reading!) });
  return new Histogram(buckets === undefined ? options : { ...options, buckets: [...buckets] });
}

function readInto(reading: () => number) {
  return function collect(this: Gauge<string>) {
    this.set(reading());
  };
}

/** Those of Node and of the process itself included. */
function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

export interface ApiMetrics {
  registry: Registry;
  requestEnded(labels: { route: string; status: number; outcome: string }, seconds: number): void;
  /** @param count asked at each scrape. */
  countReplies(count: () => number): void;
  repaired(frames: number): void;
}

export function createApiMetrics(): ApiMetrics {
  const registry = createRegistry();
  let replies = () => 0;
  const metrics = register(registry, 'api', { [METRICS.openReplies.name]: () => replies() });
  return {
    registry,
    requestEnded({ route, status, outcome }, seconds) {
      metrics.requests.inc({ route, status, outcome });
      metrics.requestDuration.observe({ route }, seconds);
    },
    countReplies(count) {
      replies = count;
    },
    repaired: (frames) => metrics.repairedFrames.inc(frames),
  };
}

export interface WorkerMetrics {
  registry: Registry;
  attempt(entry: LedgerEntry): void;
  /** A request gave up its worker slot because it had to wait for a limit; `reason` says which. */
  limited(provider: string, reason: string): void;
  fallback(from: string, to: string): void;
  reaped(attempts: number): void;
  activeRequests(count: number): void;
}

export function createWorkerMetrics(): WorkerMetrics {
  const registry = createRegistry();
  const metrics = register(registry, 'worker');
  return {
    registry,
    attempt(entry) {
      const labels = { provider: entry.provider, deployment: entry.deployment };
      metrics.attempts.inc({ ...labels, outcome: entry.outcome });
      metrics.attemptDuration.observe(labels, entry.durationMs / 1_000);
      if (entry.firstByteMs !== null) metrics.attemptFirstByte.observe(labels, entry.firstByteMs / 1_000);
      metrics.queueTime.observe(labels, entry.queueMs / 1_000);
      metrics.tokens.inc({ ...labels, kind: 'input' }, entry.inputTokens);
      metrics.tokens.inc({ ...labels, kind: 'cached' }, entry.cachedInputTokens);
      metrics.tokens.inc({ ...labels, kind: 'output' }, entry.outputTokens);
      metrics.tokens.inc({ ...labels, kind: 'reasoning' }, entry.reasoningTokens);
      metrics.cost.inc(labels, Number(entry.costPicoUsd) / Number(PICO_PER_USD));
    },
    limited: (provider, reason) => metrics.limited.inc({ provider, reason }),
    fallback: (from, to) => metrics.fallbacks.inc({ from, to }),
    reaped: (count) => metrics.unsettledAttempts.inc(count),
    activeRequests: (count) => metrics.activeRequests.set(count),
  };
}

/** Metrics for operators besides traffic: holds, dead letters, backlog of the ledger. */
export interface OperationsMetrics {
  /** Names of all holds. */
  held(names: readonly string[]): void;
  /** Every limit that was learned. */
  learned(limits: readonly { scope: string; kind: string; limit: number; isInForce: boolean }[]): void;
  deadLetter(code: string): void;
  /** SQL refused a message. */
  rejected(part: string): void;
  ledger(state: { waiting: number; oldestMs: number; rejects: number | null }): void;
}

export function createOperationsMetrics(registry: Registry): OperationsMetrics {
  const metrics = register(registry, 'operations');
  return {
    rejected: (part) => metrics.ledgerRejected.inc({ part }),
    ledger({ waiting, oldestMs, rejects }) {
      metrics.ledgerWaiting.set(waiting);
      metrics.ledgerOldest.set(oldestMs / 1_000);
      if (rejects !== null) metrics.ledgerRejects.set(rejects);
    },
    held(names) {
      metrics.held.reset();
      for (const name of names) metrics.held.set({ name }, 1);
    },
    learned(limits) {
      metrics.learnedLimits.reset();
      // Models of a wildcard are named by clients.
      const shown = limits.filter(({ scope, isInForce }) => isInForce && !scope.startsWith('model:'));
      for (const { scope, kind, limit } of shown) metrics.learnedLimits.set({ scope, kind }, limit);
    },
    deadLetter: (code) => metrics.deadLetters.inc({ code }),
  };
}

export interface BatchMetrics {
  lineEnded(outcome: 'completed' | 'failed' | 'expired' | 'cancelled'): void;
  lineRetried(code: string): void;
  batchEnded(status: string): void;
  openLines(count: number): void;
  ownedBatches(count: number): void;
  /** A chunk of lines at a provider has reached this state. */
  providerChunk(state: string): void;
  providerLines(count: number): void;
  committed(seconds: number): void;
}

export function createBatchMetrics(registry: Registry): BatchMetrics {
  const metrics = register(registry, 'batches');
  return {
    lineEnded: (outcome) => metrics.batchLines.inc({ outcome }),
    lineRetried: (code) => metrics.batchLineRetries.inc({ code }),
    batchEnded: (status) => metrics.batches.inc({ status }),
    openLines: (count) => metrics.batchOpenLines.set(count),
    ownedBatches: (count) => metrics.batchesOwned.set(count),
    providerChunk: (state) => metrics.batchProviderChunks.inc({ state }),
    providerLines: (count) => metrics.batchProviderLines.set(count),
    committed: (seconds) => metrics.batchCommit.observe(seconds),
  };
}

/** On the registry of the process that delivers webhooks. */
export interface WebhookMetrics {
  attempt(outcome: 'delivered' | 'gone' | 'failed', seconds: number): void;
  /** All processes together. */
  pending(deliveries: number): void;
}

export function createWebhookMetrics(registry: Registry): WebhookMetrics {
  const metrics = register(registry, 'webhooks');
  return {
    attempt(outcome, seconds) {
      metrics.webhookAttempts.inc({ outcome });
      metrics.webhookDuration.observe(seconds);
    },
    pending: (count) => metrics.webhookPending.set(count),
  };
}
