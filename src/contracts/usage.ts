// Token counts of one attempt, in the broker's own meaning: every part is counted once, `input` and `output` are totals.

/**
 * `inputTokens` includes `cachedInputTokens` and `cacheWriteTokens`; `outputTokens` includes `reasoningTokens`.
 * (OpenAI counts this way; Anthropic's `input_tokens` leaves both cache parts out, Gemini's candidates leave thoughts
 * out: their protocols add them on decoding.)
 */
export interface Usage {
  inputTokens: number;
  /** Read from the provider's prompt cache: billed at the cached rate. */
  cachedInputTokens: number;
  /** Written to the provider's prompt cache: billed at the cache-write rate where there is one. */
  cacheWriteTokens: number;
  /** Part of `cacheWriteTokens` that is kept for an hour, where that costs more (Anthropic). */
  longCacheWriteTokens?: number;
  outputTokens: number;
  /** Billed as output; kept apart for reports. */
  reasoningTokens: number;
  /** True where the provider gave no usage, or the stream was cut before it: counts are the broker's estimate. */
  isEstimated: boolean;
  /** Counted for limits, owed to nobody: a refusal before the first token. */
  isUnbilled?: true;
  /** Parts of `inputTokens` that are no text, of `cachedInputTokens`, and of `outputTokens`. */
  inputMedia?: MediaTokens;
  cachedMedia?: MediaTokens;
  outputMedia?: MediaTokens;
  /** What the provider's own tools did, by name (`web_search`): billed by the call. */
  toolCalls?: Readonly<Record<string, number>>;
  /** The tier that served it, in OpenAI's words (`flex`, `priority`); absent for the ordinary one. */
  serviceTier?: string;
  /** Picodollars that the provider itself says the call cost. */
  reportedCost?: bigint;
  /** Figures of the provider that cannot be true, in its own words: what stands in their place is an estimate. */
  disputed?: string;
  /** No count of it can be used: an estimate takes its place (src/protocols/providers/counts.ts). */
  isUncounted?: true;
}

export type Medium = 'audio' | 'image' | 'video';
export type MediaTokens = Readonly<Partial<Record<Medium, number>>>;

export const NO_USAGE: Usage = Object.freeze({
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  isEstimated: false,
});

export function totalTokens(usage: Usage): number {
  return usage.inputTokens + usage.outputTokens;
}
