// Token counts in OpenAI Chat's shape, read and written.
import type { Usage } from '#src/contracts/usage.ts';
import type { JsonObject, ShownCost } from '../codec.ts';
import type { RelayContext } from '../protocol.ts';
import { isPlausible, ProviderCounts, readCosts, readTier, shownMembers } from '../providers/counts.ts';
import { editObject, isObjectBytes, type NewValue } from '../wire/json-object.ts';

/**
 * Null if it has no counts. `cached_tokens` are part of `prompt_tokens`, `reasoning_tokens` of `completion_tokens`
 * (types of npm openai 7.55.0); DeepSeek writes `prompt_cache_hit_tokens`. OpenRouter reports what was read from a cache and
 * what was written to it in full each: together they are not more than the prompt.
 */
export function readChatUsage(usage: unknown): Usage | null {
  const said = asRecord(usage);
  if (said === null) return null;
  const counts = new ProviderCounts(said);
  readCosts(counts, said);
  if (!hasCounts(said)) return counts.finishUncounted();
  const prompt = asRecord(said.prompt_tokens_details) ?? {};
  const inputTokens = counts.total(said.prompt_tokens);
  const hidden = hiddenReasoning(said);
  const outputTokens = counts.total(said.completion_tokens) + hidden;
  const cachedInputTokens = counts.part(prompt.cached_tokens ?? said.prompt_cache_hit_tokens, inputTokens);
  const completion = asRecord(said.completion_tokens_details) ?? {};
  const named = counts.part(completion.reasoning_tokens);
  const read = {
    inputTokens,
    cachedInputTokens,
    cacheWriteTokens: counts.part(prompt.cache_write_tokens, inputTokens - cachedInputTokens),
    outputTokens,
    reasoningTokens: hidden > 0 ? hidden : named,
    isEstimated: false,
  };
  return counts.finish(read, {
    inputMedia: counts.media(mediaIn(prompt), inputTokens),
    cachedMedia: counts.media(mediaIn(asRecord(prompt.cached_tokens_details) ?? {}), cachedInputTokens),
    outputMedia: counts.media(mediaIn(completion), outputTokens),
    toolCalls: toolCallsIn(counts, said),
  });
}

function asRecord(value: unknown): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
}

function hasCounts({ prompt_tokens: prompt, completion_tokens: completion }: JsonObject): boolean {
  return (prompt ?? completion ?? null) !== null;
}

function mediaIn(details: JsonObject) {
  return { audio: details.audio_tokens, image: details.image_tokens, video: details.video_tokens };
}

/** Searches: xAI counts their sources, Perplexity and OpenRouter the searches. */
function toolCallsIn(counts: ProviderCounts, said: JsonObject): Usage['toolCalls'] {
  const searches = counts.part(said.num_search_queries ?? asRecord(said.server_tool_use)?.web_search_requests);
  const sources = counts.part(said.num_sources_used);
  if (searches === 0 && sources === 0) return undefined;
  return {
    ...(searches > 0 ? { web_search: searches } : {}),
    ...(sources > 0 ? { search_source: sources } : {}),
  };
}

/**
 * Reasoning that is billed as output but not part of `completion_tokens`: xAI reports it, Google's OpenAI endpoint does
 * not. For both only `total_tokens` includes it.
 */
function hiddenReasoning(said: JsonObject): number {
  const named = asRecord(said.completion_tokens_details)?.reasoning_tokens ?? 0;
  const hidden = countOf(said.total_tokens) - countOf(said.prompt_tokens) - countOf(said.completion_tokens);
  return hidden > 0 && (named === 0 || named === hidden) ? hidden : 0;
}

function countOf(value: unknown): number {
  return isPlausible(value) ? value : 0;
}

/** The members of an answer or a chunk that hold counts. Groq reports usage in its own member where it was not asked for. */
export interface CountedAnswer {
  usage?: unknown;
  x_groq?: { usage?: unknown } | null;
  service_tier?: unknown;
}

/** Usage of an answer or a chunk, wherever its provider puts it, with the tier that served it. */
export function usageIn(answer: CountedAnswer): Usage | null {
  const usage = readChatUsage(answer.usage) ?? readChatUsage(answer.x_groq?.usage);
  const serviceTier = readTier(answer.service_tier);
  return usage === null || serviceTier === undefined ? usage : { ...usage, serviceTier };
}

/** Adds `usage.cost` and the top-level `cost` to an answer or a chunk that has a `usage` object. */
export function insertCost(answer: Buffer, shown: ShownCost): Buffer {
  const withShown = (usage: Buffer | null) =>
    editObject(isObjectBytes(usage) ? usage : EMPTY_OBJECT, { set: shownMembers(shown) });
  return editObject(answer, {
    set: new Map<string, NewValue>([
      ['usage', withShown],
      ['cost', shown.charge],
    ]),
  });
}

const EMPTY_OBJECT = Buffer.from('{}');

/** Usage in OpenAI's shape and meaning, whichever protocol it came in. */
export function writeChatUsage(usage: Usage) {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: {
      cached_tokens: usage.cachedInputTokens,
      ...(usage.cacheWriteTokens > 0 ? { cache_write_tokens: usage.cacheWriteTokens } : {}),
    },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  };
}

/** Adds the requested model to an answer that does not name one. */
export function withModel(json: Buffer, { model }: { model?: unknown }, { requestedModel }: RelayContext): Buffer {
  if (model || requestedModel === undefined) return json;
  return editObject(json, { set: new Map([['model', JSON.stringify(requestedModel)]]) });
}
