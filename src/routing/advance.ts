// After a failed attempt: the same deployment again, the next step of the plan, or the end; and how long to wait before the
// same one. Pure; the failure table decides what may be retried at all.
import type { Failure } from '../contracts/failure.ts';
import { ruleOf } from '../contracts/failure-table.ts';

export interface AdvanceState {
  /** Failed attempts at the current step, this one included. */
  failuresAtStep: number;
  maxRetries: number;
  backoff: BackoffSettings;
  /** The plan has another place to try. */
  hasNext: boolean;
  /** If the provider asks for a longer wait than this, the next step is tried instead, if there is one. */
  waitUpToMs: number;
  /** Time left until the request's deadline. */
  remainingMs: number;
  /** The client has part of an answer that cannot be resumed, so no other attempt may follow. */
  isIrrevocable: boolean;
}

export type Advance = { kind: 'retry'; waitMs: number } | { kind: 'fallback' } | { kind: 'stop' };

/** Default of a model; docs/routing.md has the reasons. */
export const DEFAULT_WAIT_UP_TO_MS = 2_000;

export function advance(failure: Failure, state: AdvanceState, random: () => number = Math.random): Advance {
  const { retry, fallback } = ruleOf(failure.code);
  if (state.isIrrevocable) return { kind: 'stop' };
  const canFallBack = fallback && state.hasNext;
  const isRepeatable = retry === true || (retry === 'alone' && !canFallBack);
  if (isRepeatable && state.failuresAtStep <= state.maxRetries) {
    const waitMs = backoffMs(state.backoff, state.failuresAtStep - 1, failure.retryAfterMs, random);
    // Without the jitter: a provider's wait of exactly the limit is not too long.
    const isTooLong = canFallBack && (failure.retryAfterMs ?? waitMs) > state.waitUpToMs;
    if (waitMs < state.remainingMs && !isTooLong) return { kind: 'retry', waitMs };
  }
  return canFallBack ? { kind: 'fallback' } : { kind: 'stop' };
}

export interface BackoffSettings {
  baseMs: number;
  maxMs: number;
}

/** Jitter added to the wait that a provider asked for, so that not all workers retry at the same moment. */
const RETRY_AFTER_JITTER = 0.1;

/**
 * Exponential backoff with full jitter: a random time up to base × 2^n, at most `maxMs`. A wait that the provider asked for is
 * kept in full, however long; jitter only adds to it. `random` returns [0, 1).
 * @param retry 0 for the first retry.
 */
export function backoffMs(
  settings: BackoffSettings,
  retry: number,
  retryAfterMs: number | undefined,
  random: () => number = Math.random,
): number {
  const own = random() * Math.min(settings.maxMs, settings.baseMs * 2 ** retry);
  if (retryAfterMs === undefined) return own;
  return retryAfterMs + Math.min(own, retryAfterMs * RETRY_AFTER_JITTER);
}
