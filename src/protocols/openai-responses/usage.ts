// Token counts in the shape of the Responses API, read and written.
import { NO_USAGE, type Usage } from '../../contracts/usage.ts';
import type { JsonObject } from '../codec.ts';
import { ProviderCounts, readCosts, readTier } from '../providers/counts.ts';
import { tokensOfBytes } from '../providers/token-estimate.ts';
import { editObject } from '../wire/json-object.ts';
import { isObject, objectOf, objectsOf } from '../wire/loose-json.ts';

/**
 * Null if it has no counts. `cached_tokens` and `cache_write_tokens` are part of `input_tokens`, `reasoning_tokens` of
 * `output_tokens` (types of npm openai 7.55.0).
 * @param response with the tier that served it, and the tools that its provider ran.
 */
export function readResponsesUsage(usage: unknown, response: JsonObject = {}): Usage | null {
  if (!isObject(usage)) return null;
  const counts = new ProviderCounts(usage);
  readCosts(counts, usage);
  if ((usage.input_tokens ?? usage.output_tokens ?? null) === null) return counts.finishUncounted();
  const input = objectOf(usage.input_tokens_details);
  const output = objectOf(usage.output_tokens_details);
  const inputTokens = counts.total(usage.input_tokens);
  const outputTokens = counts.total(usage.output_tokens);
  const cachedInputTokens = counts.part(input.cached_tokens, inputTokens);
  const read = {
    inputTokens,
    cachedInputTokens,
    cacheWriteTokens: counts.part(input.cache_write_tokens, inputTokens - cachedInputTokens),
    outputTokens,
    reasoningTokens: counts.part(output.reasoning_tokens),
    isEstimated: false,
  };
  return counts.finish(read, {
    inputMedia: counts.media({ audio: input.audio_tokens, image: input.image_tokens }, inputTokens),
    outputMedia: counts.media({ audio: output.audio_tokens, image: output.image_tokens }, outputTokens),
    toolCalls: toolCallsOf(response),
    serviceTier: readTier(response.service_tier),
  });
}

/** Items of OpenAI's tools, and the names by which their calls are priced. */
const TOOL_ITEMS: Readonly<Record<string, string>> = {
  web_search_call: 'web_search',
  file_search_call: 'file_search',
  code_interpreter_call: 'code_interpreter',
  image_generation_call: 'image_generation',
};

/** Within a search, opening a page and searching in it are free (OpenAI's pricing page, 2026-11). */
function toolCallsOf({ output }: JsonObject): Usage['toolCalls'] {
  const calls: Record<string, number> = {};
  for (const { type, action } of objectsOf(output)) {
    const name = TOOL_ITEMS[String(type)];
    const isFree = ['open_page', 'find_in_page', 'find'].includes(String(objectOf(action).type));
    if (name !== undefined && !isFree) calls[name] = (calls[name] ?? 0) + 1;
  }
  return Object.keys(calls).length === 0 ? undefined : calls;
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

/** The broker's estimate if the provider gave no counts. @param outputBytes bytes of generated text. */
export function estimateUsage(inputTokens: number, outputBytes: number): Usage {
  return { ...NO_USAGE, inputTokens, outputTokens: tokensOfBytes(outputBytes), isEstimated: true };
}

/** A response's bytes with usage: unchanged if the provider gave counts, else with the broker's estimate. */
export function writeUsageInto(response: Buffer, usage: Usage): Buffer {
  if (!usage.isEstimated) return response;
  return editObject(response, { set: new Map([['usage', JSON.stringify(writeResponsesUsage(usage))]]) });
}
