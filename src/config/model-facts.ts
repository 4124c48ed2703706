// What the price package knows about a model in addition to its prices.
import { loadPricePackage } from './prices.ts';

export interface ModelFacts {
  contextTokens?: number;
}

/** @param priceId the provider's id in the package. Empty if the package does not know the model. */
export function packagedFacts(priceId: string, upstreamModel: string): ModelFacts {
  const found = loadPricePackage()({ input_tokens: 1 }, upstreamModel, { providerId: priceId });
  if (found === null) return {};
  const { context_window: contextTokens } = found.model;
  return contextTokens === undefined ? {} : { contextTokens };
}
