// Whether a line that failed is tried again. Nobody waits on a connection for it: what time can cure is waited for until
// the batch's own deadline, what the provider breaks is tried some times more, what the request itself is to blame for is
// answered at once.

import { MAX_LINE_TRIES } from '../contracts/batch.ts';
import type { Failure } from '../contracts/failure.ts';
import type { FailureCode } from '../contracts/failure-table.ts';
import { ruleOf } from '../contracts/failure-table.ts';

/** No provider has worked on it: a limit was full, or a place was out of rotation. Not counted as a try. */
const WAITS: ReadonlySet<FailureCode> = new Set([
  'upstream_rate_limited',
  'key_rate_limited',
  'capacity_exhausted',
  'no_deployment',
  'upstream_overloaded',
  'queue_unavailable',
  'shutting_down',
]);
/** The broker's own accidents, and what waiting for an operator can cure. */
const TRIED_AGAIN: ReadonlySet<FailureCode> = new Set([
  'worker_lost',
  'stream_interrupted',
  'upstream_credential_refused',
  'upstream_quota_exhausted',
  'upstream_total_timeout',
]);

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** After so many tries an outage is a long one; a week of them must not use up the numbers of tries. */
const PATIENT_TRIES = 60;
const PATIENT_WAIT_MS = 600_000;

export interface LineHistory {
  /** From 1. */
  tryNumber: number;
  /** Tries at which a provider failed. */
  faults: number;
}

/** Milliseconds to wait before the next try; null when the failure is the line's result. */
export function retryWaitMs(failure: Failure, history: LineHistory, maxFaults: number): number | null {
  const isWait = WAITS.has(failure.code);
  const isFault = TRIED_AGAIN.has(failure.code) || ruleOf(failure.code).retry;
  if (!isWait && (!isFault || history.faults >= maxFaults)) return null;
  if (history.tryNumber >= MAX_LINE_TRIES) return null;
  const longestMs = history.tryNumber > PATIENT_TRIES ? PATIENT_WAIT_MS : LONGEST_WAIT_MS;
  const backoffMs = FIRST_WAIT_MS * 2 ** Math.min(history.tryNumber - 1, 10);
  return Math.max(failure.retryAfterMs ?? 0, Math.min(longestMs, backoffMs));
}

export function isWait(failure: Failure): boolean {
  return WAITS.has(failure.code);
}
