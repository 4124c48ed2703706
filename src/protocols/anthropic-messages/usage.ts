// Token counts in Anthropic's shape, read and written. `input_tokens` leaves out what was read from and written to the
// cache; `output_tokens` includes thinking (reference/anthropic-messages.md section 3).
import { type PicoUsd, parseUsd } from '../../contracts/money.ts';
import type { Usage } from '../../contracts/usage.ts';
import type { JsonObject, ShownCost } from '../codec.ts';
import { editObject, isObjectBytes, memberBytes } from '../json-object.ts';
import { asObject } from './loose-json.ts';

function count(value: unknown): number {
  return typeof value === 'number' && value > 0 ? Math.floor(value) : 0;
}

/**
 * `message_start` fills the input side, `message_delta` is cumulative and may repeat it with final values. A zero or a
 * null takes nothing back: vendors that copy the protocol send them for what they said before.
 */
export function mergeUsage(before: JsonObject | null, next: unknown): JsonObject | null {
  const counts = asObject(next);
  if (before === null || counts === null) return counts ?? before;
  const said = Object.entries(counts).filter(([key, value]) => !(key in before) || (value !== null && value !== 0));
  return { ...before, ...Object.fromEntries(said) };
}

/** Null unless it holds counts. */
export function readMessagesUsage(usage: unknown): Usage | null {
  const counts = asObject(usage);
  if (counts === null) return null;
  if (typeof counts.input_tokens !== 'number' && typeof counts.output_tokens !== 'number') return null;
  const cachedInputTokens = count(counts.cache_read_input_tokens);
  const cacheWriteTokens = count(counts.cache_creation_input_tokens);
  return {
    inputTokens: count(counts.input_tokens) + cachedInputTokens + cacheWriteTokens,
    cachedInputTokens,
    cacheWriteTokens,
    ...longWrites(counts.cache_creation, cacheWriteTokens),
    outputTokens: count(counts.output_tokens),
    reasoningTokens: count(asObject(counts.output_tokens_details)?.thinking_tokens),
    isEstimated: false,
  };
}

function longWrites(creation: unknown, cacheWriteTokens: number): Pick<Usage, 'longCacheWriteTokens'> {
  const tokens = Math.min(cacheWriteTokens, count(asObject(creation)?.ephemeral_1h_input_tokens));
  return tokens === 0 ? {} : { longCacheWriteTokens: tokens };
}

/** `message_start` counts at least this, whatever follows. */
const FIRST_TOKEN = 1;

/** A refusal before any output is counted but not billed (reference/anthropic-messages.md section 3). */
export function billedUsage(usage: Usage, stopReason: unknown, hasOutput: boolean): Usage {
  const isBefore = !hasOutput && usage.outputTokens <= FIRST_TOKEN;
  return stopReason === 'refusal' && isBefore ? { ...usage, isUnbilled: true } : usage;
}

/** What `usage.service_tier` of an answer is called in the canonical form. */
export function readServiceTier(usage: unknown): string | undefined {
  const tier = asObject(usage)?.service_tier;
  if (typeof tier !== 'string') return undefined;
  return tier === 'standard' ? 'default' : tier;
}

const TIERS: Readonly<Record<string, string>> = { default: 'standard', standard: 'standard', priority: 'priority' };

/** All members of version 2026-10-21, null where nothing is known: older SDKs take nulls too. */
export function writeMessagesUsage(usage: Usage, serviceTier?: string): JsonObject {
  const uncached = usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteTokens;
  return {
    input_tokens: Math.max(0, uncached),
    cache_creation_input_tokens: usage.cacheWriteTokens,
    cache_read_input_tokens: usage.cachedInputTokens,
    cache_creation: null,
    output_tokens: usage.outputTokens,
    output_tokens_details: { thinking_tokens: usage.reasoningTokens },
    server_tool_use: null,
    service_tier: TIERS[serviceTier ?? ''] ?? null,
  };
}

/** What a vendor that resells says the call cost (`usage.cost`, USD), exactly as written; null where it does not. */
export function readReportedCost(answer: Buffer): PicoUsd | null {
  const usage = memberBytes(answer, 'usage');
  const cost = isObjectBytes(usage) ? memberBytes(usage, 'cost') : null;
  try {
    return cost === null ? null : parseUsd(cost.toString());
  } catch {
    return null;
  }
}

/** Adds `usage.cost` and the top-level `cost` to an answer or an event; an absent `usage` becomes `fallback`. */
export function insertCost(answer: Buffer, shown: ShownCost, fallback: JsonObject = {}): Buffer {
  const usage = memberBytes(answer, 'usage');
  const base = isObjectBytes(usage) ? usage : Buffer.from(JSON.stringify(fallback));
  const withCost = editObject(base, { set: new Map([['cost', shown.cost]]) });
  return editObject(answer, {
    set: new Map<string, string | Buffer>([
      ['usage', withCost],
      ['cost', shown.charge],
    ]),
  });
}
