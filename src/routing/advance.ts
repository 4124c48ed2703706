// After a failed attempt: the same deployment again, the next step of the plan, or the end. Pure; the failure table
// decides what may be retried at all.
import type { Failure } from '../contracts/failure.ts';
import { ruleOf } from '../contracts/failure-table.ts';
import { type BackoffSettings, backoffMs } from './backoff.ts';

export interface AdvanceState {
  /** Failed attempts at the current step, this one included. */
  failuresAtStep: number;
  maxRetries: number;
  backoff: BackoffSettings;
  /** The plan has another place to try. */
  hasNext: boolean;
  /** Time left until the request's deadline. */
  remainingMs: number;
  /** Bytes of an answer went to the client, and nothing can go on with them: nothing may be started over behind its back. */
  isIrrevocable: boolean;
}

export type Advance = { kind: 'retry'; waitMs: number } | { kind: 'fallback' } | { kind: 'stop' };

/**
 * A wait that another deployment can spare the client is not waited for: with a step left, a vendor that asks for more
 * than this is left for the next one at once.
 */
const PATIENCE_WITH_ALTERNATIVE_MS = 2_000;

export function advance(failure: Failure, state: AdvanceState, random: () => number = Math.random): Advance {
  const rule = ruleOf(failure.code);
  if (state.isIrrevocable) return { kind: 'stop' };
  const canFallBack = rule.fallback && state.hasNext;
  if (rule.retry && state.failuresAtStep <= state.maxRetries) {
    const waitMs = backoffMs(state.backoff, state.failuresAtStep - 1, failure.retryAfterMs, random);
    const patienceMs = canFallBack ? PATIENCE_WITH_ALTERNATIVE_MS : Number.POSITIVE_INFINITY;
    if (waitMs < state.remainingMs && waitMs <= patienceMs) return { kind: 'retry', waitMs };
  }
  return canFallBack ? { kind: 'fallback' } : { kind: 'stop' };
}
