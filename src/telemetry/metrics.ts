// All metrics, by the part of a process that sets them. Names: `sluice_` + what + unit. Label values come from the
// configuration, never from clients (no requested model names, no keys), so that their number is bounded.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { LedgerEntry } from '../contracts/ledger-entry.ts';
import { PICO_PER_USD } from '../contracts/money.ts';

const LATENCY_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

export interface ApiMetrics {
  registry: Registry;
  requestEnded(labels: { route: string; status: number; outcome: string }, seconds: number): void;
  openStreams(change: number): void;
  repaired(frames: number): void;
}

export function createApiMetrics(): ApiMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const requests = new Counter({
    name: 'sluice_requests_total',
    help: 'Requests answered, by route, HTTP status and outcome (ok or a failure code).',
    labelNames: ['route', 'status', 'outcome'],
    registers,
  });
  const duration = new Histogram({
    name: 'sluice_request_duration_seconds',
    help: 'From acceptance to the last byte.',
    labelNames: ['route'],
    buckets: LATENCY_BUCKETS,
    registers,
  });
  const streams = new Gauge({ name: 'sluice_open_replies', help: 'Requests whose client is connected.', registers });
  const repairs = new Counter({
    name: 'sluice_repaired_frames_total',
    help: 'Frames that pub/sub lost and that were read from the log.',
    registers,
  });
  return {
    registry,
    requestEnded({ route, status, outcome }, seconds) {
      requests.inc({ route, status, outcome });
      duration.observe({ route }, seconds);
    },
    openStreams: (change) => streams.inc(change),
    repaired: (frames) => repairs.inc(frames),
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
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const labelNames = ['provider', 'deployment'];
  const attempts = new Counter({
    name: 'sluice_attempts_total',
    help: 'Calls to providers, by outcome (ok or a failure code).',
    labelNames: [...labelNames, 'outcome'],
    registers,
  });
  const duration = new Histogram({
    name: 'sluice_attempt_duration_seconds',
    help: 'From the call to its end.',
    labelNames,
    buckets: LATENCY_BUCKETS,
    registers,
  });
  const firstByte = new Histogram({
    name: 'sluice_attempt_first_byte_seconds',
    help: 'From the call to the first byte of the answer.',
    labelNames,
    buckets: LATENCY_BUCKETS,
    registers,
  });
  const queue = new Histogram({
    name: 'sluice_queue_seconds',
    help: 'From acceptance to the call.',
    labelNames,
    buckets: LATENCY_BUCKETS,
    registers,
  });
  const tokens = new Counter({
    name: 'sluice_tokens_total',
    help: 'Tokens by kind: input (cached and cache writes included), cached, output, reasoning.',
    labelNames: [...labelNames, 'kind'],
    registers,
  });
  const cost = new Counter({
    name: 'sluice_cost_usd_total',
    help: 'Owed to providers. For graphs only: the ledger has the exact sum.',
    labelNames,
    registers,
  });
  const limited = new Counter({
    name: 'sluice_limited_total',
    help: 'Requests that left a worker slot because a limit was full, by reason.',
    labelNames: ['provider', 'reason'],
    registers,
  });
  const fallbacks = new Counter({
    name: 'sluice_fallbacks_total',
    help: 'Requests that moved from one provider to the next.',
    labelNames: ['from', 'to'],
    registers,
  });
  const unsettled = new Counter({
    name: 'sluice_unsettled_attempts_total',
    help: 'Attempts whose worker died during the call; the ledger has an estimate.',
    registers,
  });
  const active = new Gauge({
    name: 'sluice_active_requests',
    help: 'Requests in progress in this process.',
    registers,
  });
  return {
    registry,
    attempt(entry) {
      const labels = { provider: entry.provider, deployment: entry.deployment };
      attempts.inc({ ...labels, outcome: entry.outcome });
      duration.observe(labels, entry.durationMs / 1_000);
      if (entry.firstByteMs !== null) firstByte.observe(labels, entry.firstByteMs / 1_000);
      queue.observe(labels, entry.queueMs / 1_000);
      tokens.inc({ ...labels, kind: 'input' }, entry.inputTokens);
      tokens.inc({ ...labels, kind: 'cached' }, entry.cachedInputTokens);
      tokens.inc({ ...labels, kind: 'output' }, entry.outputTokens);
      tokens.inc({ ...labels, kind: 'reasoning' }, entry.reasoningTokens);
      cost.inc(labels, Number(entry.costPicoUsd) / Number(PICO_PER_USD));
    },
    limited: (provider, reason) => limited.inc({ provider, reason }),
    fallback: (from, to) => fallbacks.inc({ from, to }),
    reaped: (count) => unsettled.inc(count),
    activeRequests: (count) => active.set(count),
  };
}

/** Metrics for operators besides traffic: holds, dead letters, backlog of the ledger. */
export interface OperationsMetrics {
  /** Names of all holds. */
  held(names: readonly string[]): void;
  deadLetter(code: string): void;
  /** SQL refused a message. */
  rejected(part: string): void;
  ledger(state: { waiting: number; oldestMs: number; rejects: number | null }): void;
}

export function createOperationsMetrics(registry: Registry): OperationsMetrics {
  const registers = [registry];
  const holds = new Gauge({
    name: 'sluice_held',
    help: 'Providers and deployments that an operator holds: 1 each.',
    labelNames: ['name'],
    registers,
  });
  const letters = new Counter({
    name: 'sluice_dead_letters_total',
    help: 'Requests that failed for good and were kept, by failure code.',
    labelNames: ['code'],
    registers,
  });
  const rejected = new Counter({
    name: 'sluice_ledger_rejected_total',
    help: 'Ledger messages that SQL refused, by part: ledger, dead_letter, response.',
    labelNames: ['part'],
    registers,
  });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const waiting = gauge('sluice_ledger_waiting', 'Ledger messages in Redis that are not written yet.');
  const oldest = gauge('sluice_ledger_oldest_seconds', 'Age of the oldest ledger message that is not written yet.');
  const rejects = gauge(
    'sluice_ledger_rejects',
    'Ledger messages that SQL refused and that are neither replayed nor deleted.',
  );
  return {
    rejected: (part) => rejected.inc({ part }),
    ledger(state) {
      waiting.set(state.waiting);
      oldest.set(state.oldestMs / 1_000);
      if (state.rejects !== null) rejects.set(state.rejects);
    },
    held(names) {
      holds.reset();
      for (const name of names) holds.set({ name }, 1);
    },
    deadLetter: (code) => letters.inc({ code }),
  };
}

/** On the registry of the process that delivers webhooks. */
export interface WebhookMetrics {
  attempt(outcome: 'delivered' | 'gone' | 'failed', seconds: number): void;
  /** All processes together. */
  pending(deliveries: number): void;
}

const WEBHOOK_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60];

export function createWebhookMetrics(registry: Registry): WebhookMetrics {
  const registers = [registry];
  const attempts = new Counter({
    name: 'sluice_webhook_attempts_total',
    help: 'Attempts to deliver an event, by outcome: delivered (2xx), gone (410), failed.',
    labelNames: ['outcome'],
    registers,
  });
  const duration = new Histogram({
    name: 'sluice_webhook_attempt_duration_seconds',
    help: 'From the call to the answer of the receiver.',
    buckets: WEBHOOK_BUCKETS,
    registers,
  });
  const pending = new Gauge({
    name: 'sluice_webhook_pending',
    help: 'Deliveries that wait for an attempt, in all processes together.',
    registers,
  });
  return {
    attempt(outcome, seconds) {
      attempts.inc({ outcome });
      duration.observe(seconds);
    },
    pending: (count) => pending.set(count),
  };
}
