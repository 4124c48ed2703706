// A model in its provider's own list. All members but the id are present only if the provider gives them.

export interface UpstreamModel {
  id: string;
  displayName?: string;
  createdAtMs?: number;
  /** Tokens of input and output together, or of input alone, as the provider counts. */
  contextTokens?: number;
  /** Most tokens of one answer. */
  outputTokens?: number;
  /** `text`, `image`, `audio`, … */
  inputModalities?: string[];
  outputModalities?: string[];
  /** Anthropic's own object, unchanged. */
  capabilities?: Record<string, unknown>;
}

export interface ProviderModels {
  models: UpstreamModel[];
  /** Unix ms. */
  fetchedAtMs: number;
}
