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

const KINDS = [
  ['requests', 'Requests'],
  // The tighter of the two below.
  ['tokens', 'Tokens'],
  ['input-tokens', 'InputTokens'],
  ['output-tokens', 'OutputTokens'],
] as const;

export function readMessagesRateLimits(head: UpstreamAnswerHead, nowMs: number): RateLimitHint {
  const hint: RateLimitHint = {};
  for (const [name, kind] of KINDS) {
    const { limit, remaining, resetMs } = readLimit(head, name, nowMs);
    if (limit !== undefined) hint[`limit${kind}`] = limit;
    if (remaining !== undefined) hint[`remaining${kind}`] = remaining;
    if (resetMs !== undefined) hint[`reset${kind}Ms`] = resetMs;
  }
  return hint;
}
