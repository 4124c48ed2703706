// What the price package knows of a model beside its prices.
import { calcPrice } from '@pydantic/genai-prices';

export interface ModelFacts {
  contextTokens?: number;
}

/** By the provider's id in the package; nothing where it does not know the model. */
export function packagedFacts(priceId: string, upstreamModel: string): ModelFacts {
  const found = calcPrice({ input_tokens: 1 }, upstreamModel, { providerId: priceId });
  if (found === null) return {};
  const { context_window: contextTokens } = found.model;
  return contextTokens === undefined ? {} : { contextTokens };
}
