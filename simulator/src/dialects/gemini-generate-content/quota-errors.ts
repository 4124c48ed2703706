// Google's 429s. The wait is in RetryInfo. Only the id of a quota shows that it is a daily one, for which that wait is useless.
import type { RateRefusal, Refusal } from '../../engine/refusal.ts';
import type { AnswerFacts } from '../dialect.ts';
import { detail, type GoogleError } from './google-error.ts';

const MESSAGE =
  'You exceeded your current quota, please check your plan and billing details. For more information on this error, head ' +
  'to: https://ai.google.dev/gemini-api/docs/rate-limits.';

const HELP = detail('Help', {
  links: [
    { description: 'Learn more about Gemini API quotas', url: 'https://ai.google.dev/gemini-api/docs/rate-limits' },
  ],
});

interface Quota {
  metric: string;
  id: string;
}

const PREFIX = 'generativelanguage.googleapis.com/generate_content';
const QUOTAS: Readonly<Record<'requests' | 'tokens' | 'day', Quota>> = {
  requests: { metric: `${PREFIX}_requests`, id: 'GenerateRequestsPerMinutePerProjectPerModel' },
  tokens: { metric: `${PREFIX}_input_token_count`, id: 'GenerateContentInputTokensPerModelPerMinute' },
  day: { metric: `${PREFIX}_requests`, id: 'GenerateRequestsPerDayPerProjectPerModel' },
};

/** The wait that the provider announces although the daily quota is used up. */
const WORTHLESS_WAIT_MS = 27_000;
const DAILY_LIMIT = 1_500;

export function describeRateLimit(refusal: RateRefusal, facts: AnswerFacts): GoogleError {
  const { thing, limit, hint, retryAfterMs } = refusal;
  const wait = hint === 'none' || hint === 'date' ? null : hint === 'seconds' ? ceilSecond(retryAfterMs) : retryAfterMs;
  const details = wait === null ? [] : [retryInfo(wait)];
  const headers =
    hint === 'date' ? ['retry-after', new Date(ceilSecond(facts.nowMs + retryAfterMs)).toUTCString()] : [];
  if (thing === 'concurrency') {
    return { code: 429, message: 'Resource has been exhausted (e.g. check quota).', details, headers };
  }
  const failure = quotaFailure(QUOTAS[thing], limit, facts.model);
  const message = wait === null ? MESSAGE : `${MESSAGE}\nPlease retry in ${formatDuration(wait)}.`;
  return { code: 429, message, details: [failure, HELP, ...details], headers };
}

/** Waiting does not help a request that exceeds the whole limit, so no wait is announced. */
export function describeTooLarge(
  { limit }: Extract<Refusal, { kind: 'exceeds_limit' }>,
  facts: AnswerFacts,
): GoogleError {
  return { code: 429, message: MESSAGE, details: [quotaFailure(QUOTAS.tokens, limit, facts.model), HELP] };
}

export function describeDailyQuota(facts: AnswerFacts): GoogleError {
  const failure = quotaFailure(QUOTAS.day, DAILY_LIMIT, facts.model);
  return { code: 429, message: MESSAGE, details: [failure, HELP, retryInfo(WORTHLESS_WAIT_MS)] };
}

function quotaFailure({ metric, id }: Quota, limit: number, model: string): object {
  const quotaDimensions = { location: 'global', model };
  return detail('QuotaFailure', {
    violations: [{ quotaMetric: metric, quotaId: id, quotaDimensions, quotaValue: String(limit) }],
  });
}

function retryInfo(waitMs: number): object {
  return detail('RetryInfo', { retryDelay: formatDuration(waitMs) });
}

/** `15s`, `1.5s`: a protobuf Duration. */
function formatDuration(waitMs: number): string {
  return `${Math.ceil(waitMs) / 1_000}s`;
}

function ceilSecond(ms: number): number {
  return Math.ceil(ms / 1_000) * 1_000;
}
