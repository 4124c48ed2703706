// Headers of every answer, errors included, and the credentials of a request. Source:
// docs/reference/anthropic-messages.md sections 1 and 5.
import type { Allowance } from '../../engine/limits/rate-meter.ts';
import type { AnswerFacts, RequestHead } from '../dialect.ts';
import { readBearer } from '../openai/headers.ts';

/** Announced when the simulator has no limit, because the provider always announces one. */
const UNLIMITED_REQUESTS: Allowance = { limit: 1_000_000, remaining: 999_999, resetMs: 0 };
const UNLIMITED_TOKENS: Allowance = { limit: 1_000_000_000, remaining: 999_999_999, resetMs: 0 };

/** With limits from this size on, remaining tokens are rounded to the nearest thousand, as at the provider. */
const ROUNDED_FROM = 10_000;
const ROUNDED_TO = 1_000;

export function anthropicHeaders({ providerRequestId, allowances, nowMs }: AnswerFacts): readonly string[] {
  const tokens = allowances.tokens ?? UNLIMITED_TOKENS;
  const rounded = { ...tokens, remaining: roundRemaining(tokens) };
  return [
    'request-id',
    providerRequestId,
    'anthropic-organization-id',
    'org-simulator',
    ...limitHeaders('requests', allowances.requests ?? UNLIMITED_REQUESTS, nowMs),
    ...limitHeaders('tokens', tokens, nowMs),
    ...limitHeaders('input-tokens', rounded, nowMs),
    ...limitHeaders('output-tokens', rounded, nowMs),
  ];
}

function limitHeaders(thing: string, { limit, remaining, resetMs }: Allowance, nowMs: number): readonly string[] {
  const prefix = `anthropic-ratelimit-${thing}`;
  return [
    `${prefix}-limit`,
    String(limit),
    `${prefix}-remaining`,
    String(remaining),
    `${prefix}-reset`,
    formatTime(nowMs + resetMs),
  ];
}

function roundRemaining({ limit, remaining }: Allowance): number {
  return limit < ROUNDED_FROM ? remaining : Math.round(remaining / ROUNDED_TO) * ROUNDED_TO;
}

/** RFC 3339 in whole seconds, rounded up. */
function formatTime(atMs: number): string {
  return new Date(Math.ceil(atMs / 1_000) * 1_000).toISOString().replace('.000Z', 'Z');
}

/** If both credentials are present, `x-api-key` is used. */
export function readAnthropicKey(head: RequestHead): string | null {
  const key = head.headers['x-api-key'];
  return typeof key === 'string' ? key : readBearer(head);
}
