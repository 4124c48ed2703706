// Rate-limit headers of an Anthropic answer (docs/reference/anthropic-messages.md section 5).
import { headerText } from '../durations.ts';
import type { RateLimitHint, UpstreamAnswerHead } from '../protocol.ts';

const PREFIX = 'anthropic-ratelimit-';

interface Limit {
  limit?: number;
  remaining?: number;
  /** From now. */
  resetMs?: number;
}

function readLimit({ headers }: UpstreamAnswerHead, name: string, nowMs: number): Limit {
  const text = (member: string) => headerText(headers, `${PREFIX}${name}-${member}`);
  const limit = Number(text('limit') ?? Number.NaN);
  const remaining = Number(text('remaining') ?? Number.NaN);
  // A time of day (RFC 3339), unlike OpenAI's durations.
  const resetAtMs = Date.parse(text('reset') ?? '');
  return {
    ...(Number.isFinite(limit) ? { limit } : {}),
    ...(Number.isFinite(remaining) ? { remaining } : {}),
    ...(Number.isNaN(resetAtMs) ? {} : { resetMs: Math.max(0, resetAtMs - nowMs) }),
  };
}

/** `tokens` is the tighter of the token limits; where it is missing, the input's is the one that a prompt can hit. */
export function readMessagesRateLimits(head: UpstreamAnswerHead, nowMs: number): RateLimitHint {
  const requests = readLimit(head, 'requests', nowMs);
  const both = readLimit(head, 'tokens', nowMs);
  const tokens = both.limit === undefined ? readLimit(head, 'input-tokens', nowMs) : both;
  const hint: RateLimitHint = {};
  if (requests.limit !== undefined) hint.limitRequests = requests.limit;
  if (requests.remaining !== undefined) hint.remainingRequests = requests.remaining;
  if (requests.resetMs !== undefined) hint.resetRequestsMs = requests.resetMs;
  if (tokens.limit !== undefined) hint.limitTokens = tokens.limit;
  if (tokens.remaining !== undefined) hint.remainingTokens = tokens.remaining;
  if (tokens.resetMs !== undefined) hint.resetTokensMs = tokens.resetMs;
  return hint;
}
