// When will a request start, given who waits before it? From what each limit lets through, and from what was served
// lately where no limit says. Pure.
import type { Limits } from '../contracts/scope.ts';
import type { Served } from './served-rate.ts';
import { passedInMs, type Window } from './window.ts';

/** What must pass before the request can: its own tokens are not in it. */
export interface Ahead {
  requests: number;
  /** As reserved: input and output together. */
  tokens: number;
}

/** One limit in the request's way, and who wants it before. */
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
  isBatch: boolean;
  /** Mean of the last calls of the deployment; null before its first. Milliseconds. */
  callMs: number | null;
  /** Tokens used of those reserved, as the last calls had it; null before the first. */
  usedShare: number | null;
  /** Of the line it stands in: how many passed lately while it was never empty, and over how long. */
  served: Served;
  /** Its place in that line, from 0. */
  place: number;
}

/** permit.lua leaves the rest to the interactive lane. */
const BATCH_SHARE = 0.97;
const BATCH_BURST_MS = 1_000;
/** What is assumed of a deployment that nobody has called yet. */
const UNKNOWN_CALL_MS = 2_000;
/** Less experience than this says nothing. */
const SERVED_AT_LEAST = 20;
const SERVED_OVER_AT_LEAST_MS = 3_000;
/** A window that is fuller than this is what holds the line up; its next places are known better than any rate. */
const NEARLY_FULL = 0.8;

/** Milliseconds from now until its permit; 0 where nothing stands in the way. */
export function forecastStartMs(input: ForecastInput): number {
  const waits = input.obstacles.map((obstacle) => waitMs(obstacle, input));
  return Math.max(0, ...waits, experiencedWaitMs(input));
}

function waitMs({ limits, window, inFlight, ahead }: Obstacle, input: ForecastInput): number {
  const share = input.isBatch ? BATCH_SHARE : 1;
  const waits = [window.blockedMs];
  if (limits.requestsPerMinute !== undefined) {
    const limit = Math.max(1, Math.floor(limits.requestsPerMinute * share));
    waits.push(passedInMs(window, 'requests', limit, ahead.requests + 1));
    if (input.isBatch) waits.push(window.batchDueMs - BATCH_BURST_MS + (ahead.requests * 60_000) / limit);
  }
  if (limits.tokensPerMinute !== undefined) {
    const limit = Math.max(1, Math.floor(limits.tokensPerMinute * share));
    // Most of what is reserved comes back with the end of a call; the request itself must find all of its own.
    const before = ahead.tokens * Math.min(1, input.usedShare ?? 1);
    waits.push(passedInMs(window, 'tokens', limit, Math.ceil(before + Math.min(input.tokens, limit))));
  }
  if (limits.concurrency !== undefined) waits.push(turnMs(limits.concurrency, inFlight, ahead.requests, input.callMs));
  return Math.max(...waits);
}

/** Calls end one after the other, evenly: with all of them busy, one in every `callMs / concurrency`. */
function turnMs(concurrency: number, inFlight: number, ahead: number, callMs: number | null): number {
  const free = Math.max(0, concurrency - inFlight);
  const missing = ahead + 1 - free;
  return missing <= 0 ? 0 : (missing * (callMs ?? UNKNOWN_CALL_MS)) / concurrency;
}

/** Where no limit explains the waiting (slots, a slow provider), what was served lately says how long it lasts. */
function experiencedWaitMs({ obstacles, served, place }: ForecastInput): number {
  if (served.count < SERVED_AT_LEAST || served.overMs < SERVED_OVER_AT_LEAST_MS) return 0;
  return obstacles.some(isNearlyFull) ? 0 : (place * served.overMs) / served.count;
}

function isNearlyFull({ limits, window }: Obstacle): boolean {
  return (
    window.requests >= NEARLY_FULL * (limits.requestsPerMinute ?? Number.POSITIVE_INFINITY) ||
    window.tokens >= NEARLY_FULL * (limits.tokensPerMinute ?? Number.POSITIVE_INFINITY)
  );
}
