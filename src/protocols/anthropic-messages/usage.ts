// Token counts in Anthropic's shape, read and written. `input_tokens` leaves out what was read from and written to the
// cache; `output_tokens` includes thinking (docs/reference/anthropic-messages.md section 3).
import type { Usage } from '../../contracts/usage.ts';
import type { JsonObject, ShownCost } from '../codec.ts';
import { ProviderCounts, readCosts, readTier, shownMembers } from '../providers/counts.ts';
import { editObject, isObjectBytes, memberBytes } from '../wire/json-object.ts';
import { asObject } from './loose-json.ts';

/**
 * `message_start` fills the input side, `message_delta` is cumulative and may repeat it with final values. Zero and
 * null do not replace earlier counts: providers that copy the protocol send them for counts that they reported before.
 */
export function mergeUsage(before: JsonObject | null, next: unknown): JsonObject | null {
  const counts = asObject(next);
  if (before === null || counts === null) return counts ?? before;
  const said = Object.entries(counts).filter(([key, value]) => !(key in before) || (value !== null && value !== 0));
  return { ...before, ...Object.fromEntries(said) };
}

/** Null if it has no counts. */
export function readMessagesUsage(usage: unknown): Usage | null {
  const said = asObject(usage);
  if (said === null) return null;
  const counts = new ProviderCounts(said);
  readCosts(counts, said);
  if ((said.input_tokens ?? said.output_tokens ?? null) === null) return counts.finishUncounted();
  const cachedInputTokens = counts.total(said.cache_read_input_tokens);
  const cacheWriteTokens = counts.total(said.cache_creation_input_tokens);
  const outputTokens = counts.total(said.output_tokens);
  const longWrites = counts.part(asObject(said.cache_creation)?.ephemeral_1h_input_tokens, cacheWriteTokens);
  const read = {
    inputTokens: counts.total(said.input_tokens) + cachedInputTokens + cacheWriteTokens,
    cachedInputTokens,
    cacheWriteTokens,
    ...(longWrites === 0 ? {} : { longCacheWriteTokens: longWrites }),
    outputTokens,
    reasoningTokens: counts.part(asObject(said.output_tokens_details)?.thinking_tokens),
    isEstimated: false,
  };
  return counts.finish(read, { toolCalls: toolCallsIn(counts, said), serviceTier: tierOf(said) });
}

/** Tools that Anthropic runs and bills by the call; a fetched page costs its tokens only (2026-11). */
function toolCallsIn(counts: ProviderCounts, said: JsonObject): Usage['toolCalls'] {
  const used = asObject(said.server_tool_use) ?? {};
  const tools = {
    web_search: counts.part(used.web_search_requests),
    code_execution: counts.part(used.code_execution_requests),
  };
  const told = Object.entries(tools).filter(([, calls]) => calls > 0);
  return told.length === 0 ? undefined : Object.fromEntries(told);
}

/** `speed: fast` is priced like a tier of its own (beta, 2026), and so is inference that stays in the United States. */
function tierOf({ service_tier: tier, speed, inference_geo: geo }: JsonObject): string | undefined {
  const parts = [speed === 'fast' ? 'fast' : undefined, geo === 'us' ? 'us' : undefined, readTier(tier)];
  return parts.filter((part) => part !== undefined).join('+') || undefined;
}

/** `message_start` counts at least this many output tokens. */
const FIRST_TOKEN = 1;

/** A refusal before any output is counted but not billed (docs/reference/anthropic-messages.md section 3). */
export function billedUsage(usage: Usage, stopReason: unknown, hasOutput: boolean): Usage {
  const isBefore = !hasOutput && usage.outputTokens <= FIRST_TOKEN;
  return stopReason === 'refusal' && isBefore ? { ...usage, isUnbilled: true } : usage;
}

/** The canonical name of an answer's `usage.service_tier`. */
export function readServiceTier(usage: unknown): string | undefined {
  const tier = asObject(usage)?.service_tier;
  if (typeof tier !== 'string') return undefined;
  return tier === 'standard' ? 'default' : tier;
}

const TIERS: Readonly<Record<string, string>> = { default: 'standard', standard: 'standard', priority: 'priority' };

/** All members of version 2026-10-21, null if unknown; older SDKs accept nulls too. */
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

/**
 * Adds `usage.cost` and the top-level `cost` to an answer or an event. The provider's counts stay unchanged; if it
 * sent none, `counted` has the broker's.
 */
export function insertCost(answer: Buffer, shown: ShownCost, counted: JsonObject): Buffer {
  const usage = memberBytes(answer, 'usage');
  const isProviders = isObjectBytes(usage) && shown.isEstimated !== true;
  const base = isProviders ? usage : Buffer.from(JSON.stringify(counted));
  const withCost = editObject(base, { set: shownMembers(shown) });
  return editObject(answer, {
    set: new Map<string, string | Buffer>([
      ['usage', withCost],
      ['cost', shown.charge],
    ]),
  });
}
