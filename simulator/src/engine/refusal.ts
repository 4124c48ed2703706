// Why a call gets an error in place of an answer. Dialects define each provider's status, message and headers for it.

/** How a refusal announces the wait. */
export const RETRY_HINTS = ['both', 'seconds', 'milliseconds', 'date', 'none'] as const;
export type RetryHint = (typeof RETRY_HINTS)[number];

export type LimitedThing = 'requests' | 'tokens' | 'concurrency';

export interface RateRefusal {
  kind: 'rate_limited';
  thing: LimitedThing;
  limit: number;
  used: number;
  requested: number;
  retryAfterMs: number;
  hint: RetryHint;
}

export type Refusal =
  | RateRefusal
  /** A single request larger than the whole limit: waiting does not help. */
  | { kind: 'exceeds_limit'; limit: number; requested: number }
  | { kind: 'quota_exhausted' }
  | { kind: 'key_missing' }
  | { kind: 'key_wrong'; shownKey: string }
  /** Without `model`: the call's own. */
  | { kind: 'model_missing'; model?: string }
  | { kind: 'route_missing'; method: string; path: string }
  | { kind: 'body_malformed' }
  | { kind: 'body_too_large'; limitBytes: number }
  /** `status` if the provider's is not 400. */
  | { kind: 'invalid'; message: string; param: string | null; code: string | null; status?: number }
  | { kind: 'context_length'; limit: number; promptTokens: number; outputTokens: number }
  | { kind: 'content_filtered' }
  | { kind: 'server_error' }
  | { kind: 'unavailable' }
  | { kind: 'overloaded' }
  /** Any other status, with a plain error body. */
  | { kind: 'status'; status: number };

export type RefusalKind = Refusal['kind'];

/** Carries a refusal out of nested readers; caught where the call is read. */
export class RefusalError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.kind);
    this.name = 'RefusalError';
    this.refusal = refusal;
  }
}

export function invalid(message: string, param: string | null = null, code: string | null = null): RefusalError {
  return new RefusalError({ kind: 'invalid', message, param, code });
}
