// Anthropic's 429s that mean "wait" (or "ask for less").
import type { RateRefusal, Refusal } from '../../engine/refusal.ts';
import type { AnthropicError } from './anthropic-error.ts';

const MORE =
  'For details, refer to: https://docs.claude.com/en/api/rate-limits. You can see the response headers for current usage. ' +
  'Please reduce the prompt length or the maximum tokens requested, or try again later.';

export function describeRateLimit(refusal: RateRefusal, { nowMs }: { nowMs: number }): AnthropicError {
  const { thing, limit } = refusal;
  const headers = retryHeaders(refusal, nowMs);
  if (thing === 'concurrency') {
    return { status: 429, message: 'Number of concurrent connections has exceeded your rate limit.', headers };
  }
  return { status: 429, message: describe(limit, thing), headers };
}

/** No wait makes a request fit that is larger than the whole limit, so none is announced. */
export function describeTooLarge({ limit }: Extract<Refusal, { kind: 'exceeds_limit' }>): AnthropicError {
  return { status: 429, message: describe(limit, 'tokens') };
}

function describe(limit: number, thing: 'requests' | 'tokens'): string {
  const count = limit.toLocaleString('en-US');
  return `This request would exceed your organization's rate limit of ${count} ${thing} per minute. ${MORE}`;
}

/** The provider announces whole seconds only. Milliseconds are for tests in a hurry: its SDKs read them. */
function retryHeaders({ hint, retryAfterMs }: RateRefusal, nowMs: number): readonly string[] {
  switch (hint) {
    case 'both':
    case 'seconds':
      return ['retry-after', String(Math.ceil(retryAfterMs / 1_000))];
    case 'milliseconds':
      return ['retry-after-ms', String(Math.ceil(retryAfterMs))];
    case 'date':
      return ['retry-after', new Date(Math.ceil((nowMs + retryAfterMs) / 1_000) * 1_000).toUTCString()];
    case 'none':
      return [];
  }
}
