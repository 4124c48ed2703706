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
  /** A wait of the provider's that is longer than this is left for the next step, where there is one. */
  waitUpToMs: number;
  /** Time left until the request's deadline. */
  remainingMs: number;
  /** Bytes of an answer went to the client and cannot be resumed: the answer must not start over unnoticed. */
  isIrrevocable: boolean;
}

export type Advance = { kind: 'retry'; waitMs: number } | { kind: 'fallback' } | { kind: 'stop' };

/** Of a model that does not say: docs/routing.md has the reasons. */
export const DEFAULT_WAIT_UP_TO_MS = 2_000;

export function advance(failure: Failure, state: AdvanceState, random: () => number = Math.random): Advance {
  const { retry, fallback } = ruleOf(failure.code);
  if (state.isIrrevocable) return { kind: 'stop' };
  const canFallBack = fallback && state.hasNext;
  const isRepeatable = retry === true || (retry === 'alone' && !canFallBack);
  if (isRepeatable && state.failuresAtStep <= state.maxRetries) {
    const waitMs = backoffMs(state.backoff, state.failuresAtStep - 1, failure.retryAfterMs, random);
    // What the provider asked for is compared, not the spread that is added to it: two seconds are no more than two seconds.
    const isTooLong = canFallBack && (failure.retryAfterMs ?? waitMs) > state.waitUpToMs;
    if (waitMs < state.remainingMs && !isTooLong) return { kind: 'retry', waitMs };
  }
  return canFallBack ? { kind: 'fallback' } : { kind: 'stop' };
}

export interface BackoffSettings {
  baseMs: number;
  maxMs: number;
}

/** Spread on top of a provider's own wait, so that a fleet does not come back as one. */
const RETRY_AFTER_JITTER = 0.1;

/**
 * Exponential with full jitter: a random time up to base × 2^n, at most `maxMs`. What the provider asked for is obeyed in
 * full, however long; jitter only adds to it. `random` gives [0, 1).
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
