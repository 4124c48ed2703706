// Token counts in OpenAI Chat's shape, read and written.
import { type PicoUsd, parseUsd } from '../../contracts/money.ts';
import type { Usage } from '../../contracts/usage.ts';
import type { ShownCost } from '../codec.ts';
import { editObject, isObjectBytes, memberBytes } from '../json-object.ts';
import type { ChatChunk } from './chunk.ts';

function count(value: unknown): number {
  return typeof value === 'number' && value > 0 ? Math.floor(value) : 0;
}

/**
 * Null unless it holds counts. `cached_tokens` are part of `prompt_tokens`, `reasoning_tokens` of `completion_tokens`
 * (types of npm openai 7.55.0); DeepSeek writes `prompt_cache_hit_tokens`.
 */
export function readChatUsage(usage: unknown): Usage | null {
  if (typeof usage !== 'object' || usage === null) return null;
  const counts = usage as Record<string, unknown>;
  if (typeof counts.prompt_tokens !== 'number' && typeof counts.completion_tokens !== 'number') return null;
  const prompt = (counts.prompt_tokens_details ?? {}) as Record<string, unknown>;
  const inputTokens = count(counts.prompt_tokens);
  const outputTokens = count(counts.completion_tokens);
  const hidden = hiddenReasoning(counts);
  return {
    inputTokens,
    cachedInputTokens: Math.min(inputTokens, count(prompt.cached_tokens ?? counts.prompt_cache_hit_tokens)),
    cacheWriteTokens: count(prompt.cache_write_tokens),
    outputTokens: outputTokens + hidden,
    reasoningTokens: hidden > 0 ? hidden : namedReasoning(counts),
    isEstimated: false,
  };
}

function namedReasoning(counts: Record<string, unknown>): number {
  return count(((counts.completion_tokens_details ?? {}) as Record<string, unknown>).reasoning_tokens);
}

/**
 * Reasoning that is billed as output and left out of `completion_tokens`: xAI names it, Google's OpenAI endpoint does
 * not, and of both only the total tells.
 */
function hiddenReasoning(counts: Record<string, unknown>): number {
  const hidden = count(counts.total_tokens) - count(counts.prompt_tokens) - count(counts.completion_tokens);
  const named = namedReasoning(counts);
  return hidden > 0 && (named === 0 || named === hidden) ? hidden : 0;
}

/** Usage of an answer or a chunk, wherever its vendor puts it. */
export function usageIn(answer: ChatChunk): Usage | null {
  return readChatUsage(answer.usage) ?? readChatUsage(answer.x_groq?.usage);
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

/** The same of an answer that was parsed already; a JSON number has all the digits that a price per call needs. */
export function reportedCostIn(answer: ChatChunk): PicoUsd | null {
  const cost = (answer.usage as { cost?: unknown } | null | undefined)?.cost;
  return typeof cost === 'number' && Number.isFinite(cost) ? parseUsd(String(cost)) : null;
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

/** Usage in OpenAI's shape and meaning, whoever counted it. */
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
