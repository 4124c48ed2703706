// OpenAI's 429s that mean "wait" (or "ask for less"), with their retry headers.
import type { RateRefusal, Refusal } from '../../engine/refusal.ts';
import type { AnswerFacts } from '../dialect.ts';
import { formatGoDuration } from './go-duration.ts';
import type { OpenaiError } from './openai-error.ts';

const ORGANIZATION = 'org-simulator';
const MORE = 'Visit https://platform.openai.com/account/rate-limits to learn more.';

const UNITS = {
  requests: 'requests per min (RPM)',
  tokens: 'tokens per min (TPM)',
  concurrency: 'concurrent requests',
} as const;

export function describeRateLimit(refusal: RateRefusal, { model, nowMs }: AnswerFacts): OpenaiError {
  const { thing, limit, used, requested, retryAfterMs, hint } = refusal;
  const wait = hint === 'none' ? '' : ` Please try again in ${formatGoDuration(retryAfterMs)}.`;
  return {
    status: 429,
    message:
      `Rate limit reached for ${model} in organization ${ORGANIZATION} on ${UNITS[thing]}: Limit ${limit}, ` +
      `Used ${used}, Requested ${requested}.${wait} ${MORE}`,
    type: thing === 'tokens' ? 'tokens' : 'requests',
    code: 'rate_limit_exceeded',
    headers: retryHeaders(refusal, nowMs),
  };
}

/** No wait makes a request fit that is larger than the whole limit, so none is announced. */
export function describeTooLarge(
  { limit, requested }: Extract<Refusal, { kind: 'exceeds_limit' }>,
  { model }: AnswerFacts,
): OpenaiError {
  return {
    status: 429,
    message:
      `Request too large for ${model} in organization ${ORGANIZATION} on ${UNITS.tokens}: Limit ${limit}, ` +
      `Requested ${requested}. The input or output tokens must be reduced in order to run successfully. ${MORE}`,
    type: 'tokens',
    code: 'rate_limit_exceeded',
  };
}

/** Seconds are whole and rounded up (seen on the live API, 2026-10-01). */
function retryHeaders({ hint, retryAfterMs }: RateRefusal, nowMs: number): readonly string[] {
  const seconds = ['retry-after', String(Math.ceil(retryAfterMs / 1_000))];
  const milliseconds = ['retry-after-ms', String(Math.ceil(retryAfterMs))];
  switch (hint) {
    case 'both':
      return [...seconds, ...milliseconds];
    case 'seconds':
      return seconds;
    case 'milliseconds':
      return milliseconds;
    case 'date':
      return ['retry-after', new Date(Math.ceil((nowMs + retryAfterMs) / 1_000) * 1_000).toUTCString()];
    case 'none':
      return [];
  }
}
