// Headers of every answer of OpenAI's protocols, errors included. Source: docs/reference/openai-chat.md section 6.
import type { Allowance } from '../../engine/limits/rate-meter.ts';
import type { AnswerFacts, RequestHead } from '../dialect.ts';
import { formatGoDuration } from './go-duration.ts';

/** Announced when the simulator has no limit, because the provider always announces one. */
const UNLIMITED_REQUESTS: Allowance = { limit: 1_000_000, remaining: 999_999, resetMs: 0 };
const UNLIMITED_TOKENS: Allowance = { limit: 1_000_000_000, remaining: 999_999_999, resetMs: 0 };

export function openaiHeaders({ providerRequestId, processingMs, allowances }: AnswerFacts): readonly string[] {
  const requests = allowances.requests ?? UNLIMITED_REQUESTS;
  const tokens = allowances.tokens ?? UNLIMITED_TOKENS;
  return [
    'x-request-id',
    providerRequestId,
    'openai-version',
    '2020-10-01',
    'openai-organization',
    'org-simulator',
    'openai-processing-ms',
    String(processingMs),
    'x-ratelimit-limit-requests',
    String(requests.limit),
    'x-ratelimit-limit-tokens',
    String(tokens.limit),
    'x-ratelimit-remaining-requests',
    String(requests.remaining),
    'x-ratelimit-remaining-tokens',
    String(tokens.remaining),
    'x-ratelimit-reset-requests',
    formatGoDuration(requests.resetMs),
    'x-ratelimit-reset-tokens',
    formatGoDuration(tokens.resetMs),
  ];
}

export function readBearer({ headers }: RequestHead): string | null {
  return /^Bearer\s+(\S.*)$/i.exec(headers.authorization ?? '')?.[1]?.trim() ?? null;
}
