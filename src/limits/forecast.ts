// Forecasts when a request will start, given what waits before it: from the throughput of each limit, or from the recent rate
// where no limit explains the wait. Pure.
import { LRUCache } from 'lru-cache';
import { type Amounts, RATE_KINDS, type RateKind } from '../contracts/limit-kinds.ts';
import type { Limits } from '../contracts/scope.ts';
import { weightOf } from '../contracts/turn.ts';
import { passedInMs, type Window } from './window.ts';

/** What must pass before the request can, excluding its own tokens. */
export interface Ahead {
  requests: number;
  /** As reserved: input and output together. */
  tokens: number;
}

/** A wait queue with its requests per owner of turns (src/contracts/turn.ts); requests without an owner count as one owner. */
export interface SharedQueue {
  requests: number;
  owners: ReadonlyMap<string, number>;
}

/**
 * How many requests of the same owner come before a request with so many accepted before it, assuming that all owners' requests
 * are spread evenly over the queue.
 */
export function ownBefore({ requests, owners }: SharedQueue, owner: string, earlier: number): number {
  const own = Math.max(1, owners.get(owner) ?? 1);
  return Math.min(own - 1, Math.floor((earlier * own) / Math.max(1, requests)));
}

/** How many turns other owners take while one owner takes so many, by weight. */
export function othersWithin({ requests, owners }: SharedQueue, owner: string, turns: number): number {
  let known = 0;
  let within = 0;
  for (const [name, count] of owners) {
    known += count;
    if (name !== owner) within += Math.min(count, Math.ceil((turns * weightOf(name)) / weightOf(owner)));
  }
  return within + Math.min(Math.max(0, requests - known), turns);
}

/** A limit that applies to the request, and the demand on it before the request. */
export interface Obstacle {
  limits: Limits;
  window: Window;
  /** Calls that hold a permit; read only if concurrency is limited. */
  inFlight: number;
  ahead: Ahead;
}

export interface ForecastInput {
  obstacles: readonly Obstacle[];
  tokens: number;
  /** The prompt's share of these tokens; absent if input and output are not separate. */
  inputTokens?: number;
  isBatch: boolean;
  /** Mean duration of the deployment's recent calls, ms; null before the first. */
  callMs: number | null;
  /** Share of reserved tokens that recent calls used; null before the first. */
  usedShare: number | null;
  /** Of its wait queue: how many passed in the last seconds while it was not empty, and in what time. */
  served: Served;
  /** The request's place in that queue, from 0. */
  place: number;
}

/** The batch lane's share in permit.lua; the rest is kept for the interactive lane. */
const BATCH_SHARE = 0.97;
const BATCH_BURST_MS = 1_000;
/** permit.lua spreads the batch lane's starts over the minute. */
const SPREAD_PERIOD_MS = 60_000;
/** Assumed for a deployment without calls. */
const UNKNOWN_CALL_MS = 2_000;
/** Fewer samples than this are not used. */
const SERVED_AT_LEAST = 20;
const SERVED_OVER_AT_LEAST_MS = 3_000;
/** A window fuller than this is the reason for waiting; its next free places predict better than a rate. */
const NEARLY_FULL = 0.8;

/** Milliseconds until its permit; 0 if nothing is in the way. */
export function forecastStartMs(input: ForecastInput): number {
  const waits = input.obstacles.map((obstacle) => waitMs(obstacle, input));
  return Math.max(0, ...waits, experiencedWaitMs(input));
}

function waitMs(obstacle: Obstacle, input: ForecastInput): number {
  const { limits, window, inFlight, ahead } = obstacle;
  const waits = [window.blockedMs];
  for (const kind of RATE_KINDS) {
    const limit = limits[kind.name];
    if (limit !== undefined) waits.push(...rateWaits(kind, limit, obstacle, input));
  }
  if (limits.concurrency !== undefined) waits.push(turnMs(limits.concurrency, inFlight, ahead.requests, input.callMs));
  return Math.max(...waits);
}

function rateWaits(kind: RateKind, configured: number, { window, ahead }: Obstacle, input: ForecastInput): number[] {
  const limit = Math.max(1, Math.floor(configured * (input.isBatch ? BATCH_SHARE : 1)));
  const own = Math.min(amountsOf(input)[kind.measure], limit);
  const waits = [passedInMs(window, kind, limit, Math.ceil(aheadOf(kind, ahead, input) + own))];
  if (kind.measure === 'requests' && input.isBatch && kind.periodMs === SPREAD_PERIOD_MS) {
    waits.push(window.batchDueMs - BATCH_BURST_MS + (ahead.requests * kind.periodMs) / limit);
  }
  return waits;
}

function amountsOf({ tokens, inputTokens }: ForecastInput): Amounts {
  const outputTokens = inputTokens === undefined ? tokens : tokens - inputTokens;
  return { requests: 1, tokens, inputTokens: inputTokens ?? tokens, outputTokens };
}

/**
 * Most reserved tokens are returned when calls end, but the request itself needs its full reservation. Wait queues count total
 * tokens: waiting requests are assumed to have the same proportion of input to output as this one.
 */
function aheadOf({ measure }: RateKind, ahead: Ahead, input: ForecastInput): number {
  if (measure === 'requests') return ahead.requests;
  const part = amountsOf(input)[measure] / Math.max(1, input.tokens);
  return ahead.tokens * Math.min(1, part) * Math.min(1, input.usedShare ?? 1);
}

/** Calls are assumed to end evenly: with all busy, one every `callMs / concurrency`. */
function turnMs(concurrency: number, inFlight: number, ahead: number, callMs: number | null): number {
  const free = Math.max(0, concurrency - inFlight);
  const missing = ahead + 1 - free;
  return missing <= 0 ? 0 : (missing * (callMs ?? UNKNOWN_CALL_MS)) / concurrency;
}

/** Where no limit explains the wait (slots, a slow provider), the recent rate does. */
function experiencedWaitMs({ obstacles, served, place }: ForecastInput): number {
  if (served.count < SERVED_AT_LEAST || served.overMs < SERVED_OVER_AT_LEAST_MS) return 0;
  return obstacles.some(isNearlyFull) ? 0 : (place * served.overMs) / served.count;
}

/** Requests wait for a full window: the current rate says nothing about later. */
export function isNearlyFull({ limits, window }: Obstacle): boolean {
  return RATE_KINDS.some(({ name }) => window.used[name] >= NEARLY_FULL * (limits[name] ?? Number.POSITIVE_INFINITY));
}

export interface Served {
  count: number;
  overMs: number;
}

/**
 * How fast wait queues are served while they are not empty, from periodic counts. Only those periods show the capacity: an empty
 * queue is served as fast as requests arrive.
 */
export interface ServedRates {
  /** @param total requests that have ever left the queue with a permit. */
  look(queue: string, total: number, isEmpty: boolean, nowMs: number): Served;
  /** A full window has blocked the queue until now: the counts so far are discarded. */
  forget(queue: string): void;
}

/** Older counts are not used. */
const REMEMBERED_MS = 20_000;
/** After a longer gap between counts the queue may have been empty meanwhile. */
const GAP_MS = 5_000;
const MAX_QUEUES = 2_000;

interface Look {
  atMs: number;
  total: number;
}

export function createServedRates(): ServedRates {
  const looks = new LRUCache<string, Look[]>({ max: MAX_QUEUES });
  return {
    look(queue, total, isEmpty, nowMs) {
      const seen = looks.get(queue) ?? [];
      const last = seen.at(-1);
      const isBroken = last !== undefined && (nowMs - last.atMs > GAP_MS || total < last.total);
      const kept = isEmpty || isBroken ? [] : seen.filter(({ atMs }) => nowMs - atMs <= REMEMBERED_MS);
      if (isEmpty) looks.delete(queue);
      else looks.set(queue, [...kept, { atMs: nowMs, total }]);
      const first = kept[0];
      return first === undefined ? { count: 0, overMs: 0 } : { count: total - first.total, overMs: nowMs - first.atMs };
    },
    forget: (queue) => void looks.delete(queue),
  };
}
