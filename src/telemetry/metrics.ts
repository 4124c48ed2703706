// Registers the metrics of metric-table.ts in the processes that have them, and sets them.
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { LedgerEntry } from '../contracts/ledger-entry.ts';
import { PICO_PER_USD } from '../contracts/money.ts';
import { boundedNames, type MetricDefinition, type MetricPart, OTHERS } from './metric-definition.ts';
import { METRICS } from './metric-table.ts';

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

/** Called at each scrape; sets the gauges of the part. */
type Collect = () => void | Promise<void>;

/** All metrics of a part, by their names in the table. */
function register<Part extends MetricPart>(registry: Registry, part: Part, collect?: Collect): Registered<Part> {
  const entries = Object.entries<MetricDefinition>(METRICS).filter(([, metric]) => metric.part === part);
  return Object.fromEntries(
    entries.map(([name, metric]) => [name, instrumentOf(registry, metric, collect)]),
  ) as unknown as Registered<Part>;
}

function instrumentOf(registry: Registry, { name, help, labels, type, buckets }: MetricDefinition, collect?: Collect) {
  const options = { name, help, labelNames: labels, registers: [registry] };
  if (type === 'counter') return new Counter(options);
  if (type === 'gauge') return new Gauge(collect === undefined ? options : { ...options, collect });
  return new Histogram(buckets === undefined ? options : { ...options, buckets: [...buckets] });
}

/** Reads the state of the SQL connection pool; null if there is none. */
export type ReadPool = () => { busy: number; idle: number; waiting: number; max: number } | null;

/** Reads how the configuration file differs from what is in force. */
export type ReadFileState = () => { isRefused: boolean; awaitingRestart: number };
const AS_THE_FILE: ReadFileState = () => ({ isRefused: false, awaitingRestart: 0 });

/** Version of Sluice. */
export const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/**
 * A registry with the metrics of Node.js and of the process.
 * @param role as in the logs.
 */
export function createRegistry(
  role: string,
  readPool: ReadPool = () => null,
  readFileState: ReadFileState = AS_THE_FILE,
): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  let loop = performance.eventLoopUtilization();
  const metrics: Registered<'process'> = register(registry, 'process', () => {
    const now = performance.eventLoopUtilization();
    // Several scrapers, or the gauges of one scrape, may follow within moments: too short a time to measure.
    if (now.idle + now.active - loop.idle - loop.active >= SHORTEST_LOOP_MS) {
      metrics.eventLoop.set(performance.eventLoopUtilization(now, loop).utilization);
      loop = now;
    }
    const file = readFileState();
    metrics.configurationRefused.set(file.isRefused ? 1 : 0);
    metrics.configurationAwaitsRestart.set(file.awaitingRestart);
    const pool = readPool();
    if (pool === null) return;
    metrics.databaseConnections.set({ state: 'busy' }, pool.busy);
    metrics.databaseConnections.set({ state: 'idle' }, pool.idle);
    metrics.databaseConnectionsMax.set(pool.max);
    metrics.databaseWaiting.set(pool.waiting);
  });
  metrics.buildInfo.set({ version, role }, 1);
  return registry;
}

/** Gauges of prom-client with names of counters, which promtool refuses. Other gauges have the same figures by type. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

const SHORTEST_LOOP_MS = 500;

export interface ApiMetrics {
  registry: Registry;
  requestEnded(labels: { route: string; status: number; outcome: string }, seconds: number): void;
  /** @param count called at each scrape. */
  countReplies(count: () => number): void;
  repaired(frames: number): void;
}

/** @param registry from createRegistry. */
export function createApiMetrics(registry: Registry): ApiMetrics {
  let replies = () => 0;
  const metrics: Registered<'api'> = register(registry, 'api', () => metrics.openReplies.set(replies()));
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
  /** A request gave up its worker slot to wait for a limit, which `reason` names. */
  limited(provider: string, reason: string): void;
  fallback(from: string, to: string): void;
  /** A second attempt has ended. @param model name in the configuration. @param lostPicoUsd cost of the losing attempt. */
  hedge(model: string, result: 'won' | 'lost' | 'failed' | 'stopped', lostPicoUsd: bigint): void;
  hedgeDenied(model: string, reason: string): void;
  /** A request's waits for limits; `reason` as in its timeline: the scope, and the limit that was full. */
  permitWaits(waits: readonly { provider?: string; reason?: string; durationMs: number }[]): void;
  reaped(attempts: number): void;
  activeRequests(count: number): void;
}

/** @param registry from createRegistry. */
export function createWorkerMetrics(registry: Registry): WorkerMetrics {
  const metrics = register(registry, 'worker');
  const modelName = boundedNames();
  /** Deployment and model. Bounded: by the configuration, and by the names that are shown. */
  const countedModels = new Set<string>();
  return {
    registry,
    attempt(entry) {
      const labels = { provider: entry.provider, deployment: entry.deployment };
      metrics.attempts.inc({ provider: entry.provider, deployment: entry.deployment, outcome: entry.outcome });
      metrics.attemptDuration.observe(labels, entry.durationMs / 1_000);
      if (entry.firstByteMs !== null) metrics.attemptFirstByte.observe(labels, entry.firstByteMs / 1_000);
      metrics.queueTime.observe(labels, entry.queueMs / 1_000);
      const costUsd = Number(entry.costPicoUsd) / Number(PICO_PER_USD);
      // Requests for unknown models fail at no cost. Their names must not use up the cap.
      if (entry.inputTokens + entry.outputTokens + costUsd === 0) return;
      const { provider, deployment } = labels;
      const model = modelName(entry.model);
      // Every kind has a series from the first call on; after that, zeros change nothing.
      const isFirst = !countedModels.has(`${deployment} ${model}`);
      countedModels.add(`${deployment} ${model}`);
      const count = (kind: string, tokens: number) => {
        if (tokens > 0 || isFirst) metrics.tokens.inc({ provider, deployment, model, kind }, tokens);
      };
      count('input', entry.inputTokens);
      count('cached', entry.cachedInputTokens);
      count('cache_write', entry.cacheWriteTokens);
      count('output', entry.outputTokens);
      count('reasoning', entry.reasoningTokens);
      metrics.cost.inc({ provider, deployment, model }, costUsd);
    },
    permitWaits(waits) {
      for (const { provider = OTHERS, reason = '', durationMs } of waits) {
        const [scope = '', limit = 'unknown'] = splitReason(reason);
        metrics.permitWait.observe({ provider, scope: shownScope(scope), limit }, durationMs / 1_000);
      }
    },
    hedge(model, result, lostPicoUsd) {
      metrics.hedges.inc({ model, result });
      metrics.hedgeCost.inc({ model }, Number(lostPicoUsd) / Number(PICO_PER_USD));
    },
    hedgeDenied: (model, reason) => metrics.hedgesDenied.inc({ model, reason }),
    limited: (provider, reason) => metrics.limited.inc({ provider, reason }),
    fallback: (from, to) => metrics.fallbacks.inc({ from, to }),
    reaped: (count) => metrics.unsettledAttempts.inc(count),
    activeRequests: (count) => metrics.activeRequests.set(count),
  };
}

/** Splits off the last word, the limit: a scope's name may contain spaces. */
function splitReason(reason: string): string[] {
  const space = reason.lastIndexOf(' ');
  return space < 0 ? [] : [reason.slice(0, space), reason.slice(space + 1)];
}

/** Scopes from the configuration are shown by name. Keys and wildcard models are unbounded in number, so they are not. */
function shownScope(scope: string): string {
  return /^(provider|credential|deployment):/.test(scope)
    ? scope
    : scope.slice(0, Math.max(0, scope.indexOf(':'))) || 'unknown';
}

/** Metrics for operators that are not about traffic: holds, dead letters, backlog of the ledger. */
export interface OperationsMetrics {
  /** Names of all holds. */
  held(names: readonly string[]): void;
  /** Every limit that was learned. */
  learned(limits: readonly { scope: string; kind: string; limit: number; isInForce: boolean }[]): void;
  deadLetter(code: string): void;
  /** SQL refused a message. */
  rejected(part: string): void;
  ledger(state: { waiting: number; oldestMs: number; rejects: number | null }): void;
  /** @param roundTripMs null: Redis takes no writes. */
  redis(probe: { roundTripMs: number | null; memory: { usedBytes: number; maxBytes: number } }): void;
}

export function createOperationsMetrics(registry: Registry): OperationsMetrics {
  const metrics = register(registry, 'operations');
  return {
    rejected: (part) => metrics.ledgerRejected.inc({ part }),
    redis({ roundTripMs, memory }) {
      metrics.redisWritable.set(roundTripMs === null ? 0 : 1);
      if (roundTripMs !== null) metrics.redisProbe.observe(roundTripMs / 1_000);
      metrics.redisMemory.set(memory.usedBytes);
      metrics.redisMemoryMax.set(memory.maxBytes);
    },
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
      // Clients choose the names of wildcard models.
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
  /** Pending deliveries of all processes together. */
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

/** State of the whole installation (src/api/fleet-state.ts). */
export interface FleetState {
  jobs: readonly { provider: string; lane: string; waiting: number; active: number; delayed: number }[];
  waiting: readonly {
    provider: string;
    deployment: string;
    lane: string;
    requests: number;
    tokens: number;
    oldestMs: number;
    keys: number;
    largestKey: number;
  }[];
  scopes: readonly {
    scope: string;
    blockedMs: number;
    limits: readonly { kind: string; limit: number; source: 'configured' | 'learned'; used: number }[];
  }[];
  circuits: readonly { provider: string; deployment: string; open: number; halfOpen: number }[];
  credentials: readonly { provider: string; credential: string; open: number; halfOpen: number }[];
  budgets: readonly { account: string; period: string; limitUsd: number; leftUsd: number }[];
}

/** @param read called at each scrape. */
export function createFleetMetrics(registry: Registry, read: () => Promise<FleetState>): void {
  let reading: Promise<void> | null = null;
  // Every gauge calls this during a scrape; they share one read.
  const metrics: Registered<'fleet'> = register(registry, 'fleet', () => {
    reading ??= read()
      .then(
        (state) => setFleet(metrics, state),
        () => clearFleet(metrics),
      )
      .finally(() => {
        reading = null;
      });
    return reading;
  });
}

function setFleet(metrics: Registered<'fleet'>, state: FleetState): void {
  const { jobs, waiting, scopes, circuits, credentials, budgets } = state;
  clearFleet(metrics);
  metrics.fleetReadable.set(1);
  for (const { provider, lane, ...counts } of jobs) {
    for (const [state, count] of Object.entries(counts)) metrics.queueJobs.set({ provider, lane, state }, count);
  }
  for (const { requests, tokens, oldestMs, keys, largestKey, ...place } of waiting) {
    metrics.waitingRequests.set(place, requests);
    metrics.waitingKeys.set(place, keys);
    metrics.waitingLargestKey.set(place, largestKey);
    metrics.waitingTokens.set(place, tokens);
    metrics.waitingOldest.set(place, oldestMs / 1_000);
  }
  for (const { scope, blockedMs, limits } of scopes) {
    metrics.limitBlocked.set({ scope }, blockedMs / 1_000);
    for (const { kind, limit, source, used } of limits) {
      metrics.limit.set({ scope, kind, source }, limit);
      metrics.limitUsed.set({ scope, kind }, used);
    }
  }
  for (const { provider, deployment, open, halfOpen } of circuits) {
    metrics.circuits.set({ provider, deployment, state: 'open' }, open);
    metrics.circuits.set({ provider, deployment, state: 'half_open' }, halfOpen);
  }
  for (const { provider, credential, open, halfOpen } of credentials) {
    metrics.credentialCircuits.set({ provider, credential, state: 'open' }, open);
    metrics.credentialCircuits.set({ provider, credential, state: 'half_open' }, halfOpen);
  }
  for (const { account, period, limitUsd, leftUsd } of budgets) {
    metrics.budget.set({ account, period }, limitUsd);
    metrics.budgetLeft.set({ account, period }, leftUsd);
  }
}

/** Removes the gauges' values, so that unknown state is not shown. */
function clearFleet(metrics: Registered<'fleet'>): void {
  for (const metric of Object.values(metrics)) metric.reset();
}
