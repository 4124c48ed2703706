// When will a request start, given what waits before it? From what each limit lets through, and from the rate of
// the last seconds where no limit says. Pure.
import { LRUCache } from 'lru-cache';
import { type Amounts, RATE_KINDS, type RateKind } from '../contracts/limit-kinds.ts';
import type { Limits } from '../contracts/scope.ts';
import { weightOf } from '../contracts/turn.ts';
import { passedInMs, type Window } from './window.ts';

/** What must pass before the request can: its own tokens are not in it. */
export interface Ahead {
  requests: number;
  /** As reserved: input and output together. */
  tokens: number;
}

/** A wait queue, and how many of it each owner of turns has (src/contracts/turn.ts); what has none is one owner together. */
export interface SharedQueue {
  requests: number;
  owners: ReadonlyMap<string, number>;
}

/**
 * How many of its own owner's requests come before one, where so many of the queue were accepted before it: as if requests of
 * all owners were spread evenly over the queue.
 */
export function ownBefore({ requests, owners }: SharedQueue, owner: string, earlier: number): number {
  const own = Math.max(1, owners.get(owner) ?? 1);
  return Math.min(own - 1, Math.floor((earlier * own) / Math.max(1, requests)));
}

/** How many of the others have their turns while an owner has so many, by their weights. */
export function othersWithin({ requests, owners }: SharedQueue, owner: string, turns: number): number {
  let known = 0;
  let within = 0;
  for (const [name, count] of owners) {
    known += count;
    if (name !== owner) within += Math.min(count, Math.ceil((turns * weightOf(name)) / weightOf(owner)));
  }
  return within + Math.min(Math.max(0, requests - known), turns);
}

/** One limit in the request's way, and what needs it before. */
export interface Obstacle {
  limits: Limits;
  window: Window;
  /** Calls that hold a permit; asked only where concurrency is limited. */
  inFlight: number;
  ahead: Ahead;
}

export interface ForecastInput {
  obstacles: readonly Obstacle[];
  tokens: number;
  /** Of them those of the prompt. Absent: they are not told apart. */
  inputTokens?: number;
  isBatch: boolean;
  /** Mean of the last calls of the deployment; null before its first. Milliseconds. */
  callMs: number | null;
  /** Tokens used of those reserved, as the last calls had it; null before the first. */
  usedShare: number | null;
  /** Of its wait queue: how many passed in the last seconds while it was never empty, and over how long. */
  served: Served;
  /** Its place in that queue, from 0. */
  place: number;
}

/** permit.lua leaves the rest to the interactive lane. */
const BATCH_SHARE = 0.97;
const BATCH_BURST_MS = 1_000;
/** permit.lua spreads what limits of a minute let the batch lane start. */
const SPREAD_PERIOD_MS = 60_000;
/** What is assumed of a deployment without calls yet. */
const UNKNOWN_CALL_MS = 2_000;
/** Less experience than this says nothing. */
const SERVED_AT_LEAST = 20;
const SERVED_OVER_AT_LEAST_MS = 3_000;
/** A window that is fuller than this is what requests wait for; its next places are known better than any rate. */
const NEARLY_FULL = 0.8;

/** Milliseconds from now until its permit; 0 where nothing is in the way. */
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
 * Most of what is reserved comes back with the end of a call; the request itself must find all of its own. Wait queues
 * count tokens as a whole: what waits is taken to have input and output in the request's own proportion.
 */
function aheadOf({ measure }: RateKind, ahead: Ahead, input: ForecastInput): number {
  if (measure === 'requests') return ahead.requests;
  const part = amountsOf(input)[measure] / Math.max(1, input.tokens);
  return ahead.tokens * Math.min(1, part) * Math.min(1, input.usedShare ?? 1);
}

/** Calls end one after the other, evenly: with all of them busy, one in every `callMs / concurrency`. */
function turnMs(concurrency: number, inFlight: number, ahead: number, callMs: number | null): number {
  const free = Math.max(0, concurrency - inFlight);
  const missing = ahead + 1 - free;
  return missing <= 0 ? 0 : (missing * (callMs ?? UNKNOWN_CALL_MS)) / concurrency;
}

/** Where no limit explains the waiting (slots, a slow provider), the rate of the last seconds says how long it lasts. */
function experiencedWaitMs({ obstacles, served, place }: ForecastInput): number {
  if (served.count < SERVED_AT_LEAST || served.overMs < SERVED_OVER_AT_LEAST_MS) return 0;
  return obstacles.some(isNearlyFull) ? 0 : (place * served.overMs) / served.count;
}

/** Its window is what requests wait for: how few of them pass says nothing about what follows. */
export function isNearlyFull({ limits, window }: Obstacle): boolean {
  return RATE_KINDS.some(({ name }) => window.used[name] >= NEARLY_FULL * (limits[name] ?? Number.POSITIVE_INFINITY));
}

export interface Served {
  count: number;
  overMs: number;
}

/**
 * How fast wait queues are served while they are not empty, from what was counted at each look. Only such times tell what
 * is possible: an empty queue is served as fast as requests come.
 */
export interface ServedRates {
  /** @param total how many have left the queue with a permit, ever. */
  look(queue: string, total: number, isEmpty: boolean, nowMs: number): Served;
  /** A full window held the queue up until now: what passed meanwhile is no experience. */
  forget(queue: string): void;
}

/** What was possible longer ago may not be any more. */
const REMEMBERED_MS = 20_000;
/** After so long without a look the queue may have been empty meanwhile. */
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
