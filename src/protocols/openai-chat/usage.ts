// Token counts in OpenAI Chat's shape, read and written.
import { type PicoUsd, parseUsd } from '../../contracts/money.ts';
import type { Usage } from '../../contracts/usage.ts';
import type { ShownCost } from '../codec.ts';
import { editObject, isObjectBytes, memberBytes } from '../json-object.ts';

function count(value: unknown): number {
  return typeof value === 'number' && value > 0 ? Math.floor(value) : 0;
}

/**
 * Null unless it holds counts. `cached_tokens` are part of `prompt_tokens`, `reasoning_tokens` of `completion_tokens`
 * (types of npm openai 7.55.0); DeepSeek writes `prompt_cache_hit_tokens`; xAI leaves reasoning out of
 * `completion_tokens` and only its total tells.
 */
export function readChatUsage(usage: unknown): Usage | null {
  if (typeof usage !== 'object' || usage === null) return null;
  const counts = usage as Record<string, unknown>;
  if (typeof counts.prompt_tokens !== 'number' && typeof counts.completion_tokens !== 'number') return null;
  const prompt = (counts.prompt_tokens_details ?? {}) as Record<string, unknown>;
  const completion = (counts.completion_tokens_details ?? {}) as Record<string, unknown>;
  const inputTokens = count(counts.prompt_tokens);
  const completionTokens = count(counts.completion_tokens);
  const reasoningTokens = count(completion.reasoning_tokens);
  const isReasoningApart =
    reasoningTokens > 0 && count(counts.total_tokens) === inputTokens + completionTokens + reasoningTokens;
  return {
    inputTokens,
    cachedInputTokens: Math.min(inputTokens, count(prompt.cached_tokens ?? counts.prompt_cache_hit_tokens)),
    cacheWriteTokens: count(prompt.cache_write_tokens),
    outputTokens: isReasoningApart ? completionTokens + reasoningTokens : completionTokens,
    reasoningTokens,
    isEstimated: false,
  };
}

/** What the vendor itself says the call cost (OpenRouter: `usage.cost`, USD), exactly as written; null if it does not. */
export function readReportedCost(answer: Buffer): PicoUsd | null {
  const usage = memberBytes(answer, 'usage');
  const cost = isObjectBytes(usage) ? memberBytes(usage, 'cost') : null;
  try {
    return cost === null ? null : parseUsd(cost.toString());
  } catch {
    return null;
  }
}

/** Adds `usage.cost` and the top-level `cost` to an answer or a chunk that has a `usage` object. */
export function insertCost(answer: Buffer, shown: ShownCost): Buffer {
  const usage = memberBytes(answer, 'usage');
  const usageWithCost = editObject(isObjectBytes(usage) ? usage : Buffer.from('{}'), {
    set: new Map([['cost', shown.cost]]),
  });
  return editObject(answer, {
    set: new Map<string, string | Buffer>([
      ['usage', usageWithCost],
      ['cost', shown.charge],
    ]),
  });
}

/** Usage as the broker counted it, for vendors that give none. */
export function writeChatUsage(usage: Usage) {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedInputTokens },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  };
}
