// How long to wait before the same deployment is asked again.

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
