// Token counts of one attempt by the broker's own definitions: every token is counted once, `input` and `output` are totals.

/**
 * `inputTokens` includes `cachedInputTokens` and `cacheWriteTokens`; `outputTokens` includes `reasoningTokens`.
 * (OpenAI counts this way; Anthropic's `input_tokens` leaves both cache parts out, Gemini's candidates leave thoughts
 * out: their protocols add them on decoding.)
 */
export interface Usage {
  inputTokens: number;
  /** Read from the provider's prompt cache: billed at the cached rate. */
  cachedInputTokens: number;
  /** Written to the provider's prompt cache: billed at the cache-write rate, if there is one. */
  cacheWriteTokens: number;
  /** Part of `cacheWriteTokens` that is kept for an hour, which costs more at Anthropic. */
  longCacheWriteTokens?: number;
  outputTokens: number;
  /** Billed as output; separate for reports. */
  reasoningTokens: number;
  /** True if the provider gave no usage, or the stream was cut before it: the counts are the broker's estimate. */
  isEstimated: boolean;
  /** Counts towards limits but is not billed: a refusal before the first token. */
  isUnbilled?: true;
  /** Tokens that are not text: parts of `inputTokens`, of `cachedInputTokens` and of `outputTokens`. */
  inputMedia?: MediaTokens;
  cachedMedia?: MediaTokens;
  outputMedia?: MediaTokens;
  /** Calls of the provider's own tools, by name (`web_search`): billed per call. */
  toolCalls?: Readonly<Record<string, number>>;
  /** The tier that served it, by OpenAI's names (`flex`, `priority`); absent for the default one. */
  serviceTier?: string;
  /** Cost of the call as reported by the provider, in picodollars. */
  reportedCost?: bigint;
  /** Impossible figures of the provider, as it sent them; replaced by an estimate. */
  disputed?: string;
  /** None of its counts can be used: replaced by an estimate (src/protocols/providers/counts.ts). */
  isUncounted?: true;
}

export const MEDIA = ['audio', 'image', 'video'] as const;
export type Medium = (typeof MEDIA)[number];
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
