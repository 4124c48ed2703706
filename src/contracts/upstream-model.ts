// A model as its provider's own list has it. Everything but the id is there only where the provider says it.

export interface UpstreamModel {
  id: string;
  displayName?: string;
  createdAtMs?: number;
  /** Tokens of input and output together, or of input alone where the provider counts so. */
  contextTokens?: number;
  /** Most tokens of one answer. */
  outputTokens?: number;
  /** `text`, `image`, `audio`, … */
  inputModalities?: string[];
  outputModalities?: string[];
  /** Anthropic's own object, as it stands. */
  capabilities?: Record<string, unknown>;
}

export interface ProviderModels {
  models: UpstreamModel[];
  /** Unix ms. */
  fetchedAtMs: number;
}
