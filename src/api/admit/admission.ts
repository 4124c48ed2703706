// Admission by backlog: a request that by forecast cannot be answered before its deadline is refused immediately, with the time
// at which a place is expected to be free. An admitted request is in wait queues (src/limits/wait-queue.ts) until its permit.
//
// While the backlog is small, the request is counted in the step that hands it over. Otherwise it is counted before that, and a
// forecast decides.
import { LRUCache } from 'lru-cache';
import type { Catalogue, Deployment } from '../../config/catalogue.ts';
import { atMost } from '../../contracts/cache-size.ts';
import { createFailure, type Failure, FailureError } from '../../contracts/failure.ts';
import { kindsIn } from '../../contracts/limit-kinds.ts';
import type { RequestSpec } from '../../contracts/request-record.ts';
import { circuitOf, type RouteStep } from '../../contracts/route-plan.ts';
import { accountInWords, accountScopesOf } from '../../contracts/scope.ts';
import type { ForecastAnswer, Forecaster } from '../../limits/forecaster.ts';
import { type WaitEntry, type WaitQueues, type WaitTotals, waitEntry } from '../../limits/wait-queue.ts';
import type { Circuits } from '../../routing/circuits.ts';
import type { Holds } from '../../routing/holds.ts';

export interface Admission {
  /**
   * Throws a FailureError (503, 429) with a computed wait; rejects if Redis is needed and does not answer. Returns the wait queue
   * entry if it must still be written: while the backlog is small, the hand-over writes it (hand-over.ts).
   */
  enter(spec: RequestSpec): Promise<WaitEntry | null>;
  /** The entry was written: remembers the size of its queue. */
  note(entry: WaitEntry, totals: readonly WaitTotals[]): void;
  /** The request was not queued after all. */
  leave(spec: RequestSpec): void;
  /** Expected time until its permit while it waits at this step of its plan, ms; null if unknown. */
  expectedWaitMs(spec: RequestSpec, step: RouteStep): Promise<number | null>;
  /** How many are before it in its deployment's wait queue; null if it is not in there. */
  place(spec: RequestSpec, step: RouteStep): Promise<number | null>;
}

export interface AdmissionOptions {
  waitQueues: WaitQueues;
  forecaster: Forecaster;
  catalogue: Catalogue;
  holds: Holds;
  circuits: Circuits;
  onError: (error: Error) => void;
}

/** The part of a per-minute limit that may wait before a forecast is made: a quarter of a second's worth, but a few at least. */
const CALM_PART = 1 / 240;
const CALM_AT_LEAST = 4;
/** Daily limits do not define a pace: a queue that they cause is forecast like any other. */
const MINUTE_MS = 60_000;
/** Divisor for a concurrency limit: a quarter of it may wait. */
const CALM_TURNS = 4;
/** Without limits: more than the number that waits for a worker at 4,000 requests per second (3 ms each). */
const CALM_UNLIMITED = 64;
/** Forecasts are slightly inaccurate: an answer that is due just before the deadline may be late. */
const MARGIN_PART = 0.05;
const MARGIN_MS = 250;
const MAX_QUEUES_SEEN = 10_000;

export function createAdmission(options: AdmissionOptions): Admission {
  const { waitQueues, forecaster, catalogue, holds, circuits, onError } = options;
  /** Size of each wait queue when this process last added a request. */
  const seen = new LRUCache<string, number>(atMost(MAX_QUEUES_SEEN));

  function note(entry: WaitEntry, totals: readonly WaitTotals[]): void {
    seen.set(queueName(entry), totals[0]!.requests);
  }

  async function enterQueues(entry: WaitEntry): Promise<WaitTotals[]> {
    const totals = await waitQueues.enter(entry);
    note(entry, totals);
    return totals;
  }

  function isCalm(spec: RequestSpec, entry: WaitEntry): boolean {
    const deployment = catalogue.deployments.get(spec.plan.steps[0]!.deployment);
    if (accountScopesOf(spec).length > 0 || deployment === undefined) return false;
    return (seen.get(queueName(entry)) ?? 0) <= calmRequests(deployment, entry.tokens);
  }

  /** The request itself is already in the wait queues: it is subtracted from what is before it. */
  function forecast(spec: RequestSpec, step: RouteStep, totals: readonly WaitTotals[] = []): Promise<ForecastAnswer> {
    const deployment = catalogue.deployments.get(step.deployment)!;
    const own = waitEntry(spec, spec.plan.steps[0]!);
    const before = new Map(own.scopes.map((name, index) => [name, totals[index]]));
    const placeOf = (name: string) => {
      const total = before.get(name);
      return total && { requests: total.requests - 1, tokens: total.tokens - own.tokens };
    };
    return forecaster.ask({ spec, step, deployment, placeOf });
  }

  /** Steps that can be called now. Waits for deployments on hold or out of rotation are not forecast. */
  function askable({ plan }: RequestSpec): RouteStep[] {
    return plan.steps.filter((step) => {
      const deployment = catalogue.deployments.get(step.deployment);
      return deployment !== undefined && holds.find(deployment) === null && !circuits.isOpen(circuitOf(step));
    });
  }

  async function check(spec: RequestSpec, totals: readonly WaitTotals[]): Promise<Failure | null> {
    const steps = askable(spec);
    if (steps.length === 0) return null;
    const answers = await Promise.all(steps.map((step) => forecast(spec, step, totals)));
    const best = answers.reduce((soonest, next) => (endMs(next) < endMs(soonest) ? next : soonest));
    const leftMs = spec.deadlineAtMs - Date.now();
    if (endMs(best) <= leftMs) return null;
    return refusal(best, steps[0]!.provider, totals[0]!.requests - 1);
  }

  return {
    async enter(spec) {
      const entry = waitEntry(spec, spec.plan.steps[0]!);
      if (isCalm(spec, entry)) return entry;
      const failure = await check(spec, await enterQueues(entry));
      if (failure === null) return null;
      seen.set(queueName(entry), Math.max(0, (seen.get(queueName(entry)) ?? 1) - 1));
      waitQueues.leave(entry).catch(onError);
      throw new FailureError(failure);
    },
    note,
    leave(spec) {
      waitQueues.forget(spec, spec.plan.steps[0]!).catch(onError);
    },
    async expectedWaitMs(spec, step) {
      const deployment = catalogue.deployments.get(step.deployment);
      if (deployment === undefined || holds.find(deployment) !== null) return null;
      const { startMs, accountStartMs } = await forecast(spec, step);
      return Math.max(startMs, accountStartMs);
    },
    async place(spec, step) {
      const entry = waitEntry(spec, step);
      const scopeName = `deployment:${step.deployment}`;
      const earlier = await waitQueues.place(entry, scopeName);
      return earlier === null ? null : forecaster.fairPlace(entry, scopeName, earlier);
    },
  };
}

function queueName({ scopes, lane }: WaitEntry): string {
  return `${lane} ${scopes[0]}`;
}

/** How many requests of this size may wait without a forecast, by the tightest of the limits. */
function calmRequests({ scope, provider }: Deployment, tokens: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (const limits of [scope.limits, provider.scope.limits]) {
    for (const { name, measure, periodMs } of kindsIn(limits)) {
      const perRequest = measure === 'requests' ? 1 : Math.max(1, tokens);
      if (periodMs === MINUTE_MS) least = Math.min(least, (limits[name]! * CALM_PART) / perRequest);
      if (name === 'concurrency') least = Math.min(least, limits[name]! / CALM_TURNS);
    }
  }
  return Math.min(CALM_UNLIMITED, Math.max(CALM_AT_LEAST, least));
}

function endMs({ startMs, accountStartMs, callMs }: ForecastAnswer): number {
  const waitMs = Math.max(startMs, accountStartMs);
  // A request that need not wait is not refused because of the usual call duration: its own call may be short.
  return waitMs === 0 ? 0 : waitMs * (1 + MARGIN_PART) + callMs + MARGIN_MS;
}

function refusal({ startMs, accountStartMs, account }: ForecastAnswer, provider: string, waiting: number): Failure {
  const retryAfterMs = Math.ceil(Math.max(startMs, accountStartMs));
  const seconds = Math.ceil(retryAfterMs / 1_000);
  if (account !== null && accountStartMs > startMs) {
    const message = `${accountInWords(account)} is at its limit; the next free slot is expected in ${seconds} s, after this request's deadline.`;
    return createFailure('key_rate_limited', message, { retryAfterMs });
  }
  const message = `${waiting} requests are waiting for provider '${provider}'; the next free slot is expected in ${seconds} s, after this request's deadline.`;
  return createFailure('capacity_exhausted', message, { retryAfterMs, provider });
}
