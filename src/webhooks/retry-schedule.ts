// When a delivery that failed is tried again. Pure.

export interface RetrySettings {
  /** All of them, the first included. */
  attempts: number;
  /** Wait after the first failure. */
  firstRetryMs: number;
}

const FACTOR = 3;
/** With the defaults (11 attempts, 5 s) the last one comes 23.7 hours after the first. */
export const LONGEST_WAIT_MS = 10 * 3_600_000;
/** A fifth in either direction: receivers that failed together are not asked again together. */
const JITTER = 0.2;

/**
 * Milliseconds to wait, or null when that was the last attempt.
 * @param made attempts so far, the failed one included
 * @param askedMs what the receiver asked to wait; obeyed where it is longer
 * @param random 0 to 1
 */
export function nextWaitMs(
  made: number,
  { attempts, firstRetryMs }: RetrySettings,
  askedMs: number | null,
  random: number,
): number | null {
  if (made >= attempts) return null;
  const planned = Math.min(LONGEST_WAIT_MS, firstRetryMs * FACTOR ** (made - 1));
  const jittered = planned * (1 + JITTER * (2 * random - 1));
  return Math.round(Math.max(jittered, Math.min(askedMs ?? 0, LONGEST_WAIT_MS)));
}
