// Token counts in the shape of the Responses API, read and written.
import { type PicoUsd, parseUsd } from '../../contracts/money.ts';
import { NO_USAGE, type Usage } from '../../contracts/usage.ts';
import { editObject } from '../json-object.ts';
import { tokensOfBytes } from '../token-estimate.ts';
import { isObject, objectOf } from './loose-json.ts';

function count(value: unknown): number {
  return typeof value === 'number' && value > 0 ? Math.floor(value) : 0;
}

/**
 * Null unless it holds counts. `cached_tokens` and `cache_write_tokens` are part of `input_tokens`, `reasoning_tokens`
 * of `output_tokens` (types of npm openai 7.55.0).
 */
export function readResponsesUsage(usage: unknown): Usage | null {
  if (!isObject(usage)) return null;
  if (typeof usage.input_tokens !== 'number' && typeof usage.output_tokens !== 'number') return null;
  const input = objectOf(usage.input_tokens_details);
  const inputTokens = count(usage.input_tokens);
  return {
    inputTokens,
    cachedInputTokens: Math.min(inputTokens, count(input.cached_tokens)),
    cacheWriteTokens: count(input.cache_write_tokens),
    outputTokens: count(usage.output_tokens),
    reasoningTokens: count(objectOf(usage.output_tokens_details).reasoning_tokens),
    isEstimated: false,
  };
}

/** What the vendor itself says the call cost (OpenRouter: `usage.cost`, USD); null if it does not. */
export function readUsageCost(usage: unknown): PicoUsd | null {
  const cost = objectOf(usage).cost;
  return typeof cost === 'number' && cost >= 0 ? parseUsd(String(cost)) : null;
}

/** Both detail objects are required, with every count in them. */
export function writeResponsesUsage(usage: Usage) {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: { cached_tokens: usage.cachedInputTokens, cache_write_tokens: usage.cacheWriteTokens },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

/** What the broker counts where the vendor counted nothing: `outputBytes` of generated text. */
export function estimateUsage(inputTokens: number, outputBytes: number): Usage {
  return { ...NO_USAGE, inputTokens, outputTokens: tokensOfBytes(outputBytes), isEstimated: true };
}

/** A response's bytes with usage in them: as they came where the vendor counted, else with the broker's estimate. */
export function writeUsageInto(response: Buffer, usage: Usage): Buffer {
  if (!usage.isEstimated) return response;
  return editObject(response, { set: new Map([['usage', JSON.stringify(writeResponsesUsage(usage))]]) });
}
