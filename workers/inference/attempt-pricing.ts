// The money of one attempt: what the client is shown and what the ledger gets come from the same function.
import { costOfCall } from '#src/accounts/cost-of-call.ts';
import type { Catalogue, Deployment } from '#src/config/catalogue.ts';
import { type Cost, chargeOf, formatCharge, formatUsd, type PicoUsd } from '#src/contracts/money.ts';
import type { Usage } from '#src/contracts/usage.ts';
import type { ShownCost } from '#src/protocols/codec.ts';

export interface AttemptPricing {
  /** For the relay: the request's cost with this attempt, and its charge. */
  priceUsage(usage: Usage): ShownCost;
  /** For the books: this attempt alone. */
  costOfAttempt(usage: Usage): Cost;
}

/** @param earlierCost what earlier attempts of the same request cost. */
export function createAttemptPricing(
  catalogue: Catalogue,
  deployment: Deployment,
  upstreamModel: string,
  earlierCost: PicoUsd,
): AttemptPricing {
  const costOfAttempt = (usage: Usage) =>
    costOfCall(usage, deployment.price !== null, () => catalogue.priceOf(deployment, upstreamModel, usage.inputTokens));
  return {
    priceUsage(usage) {
      const cost = earlierCost + costOfAttempt(usage).cost;
      return { cost: formatUsd(cost), charge: formatCharge(chargeOf(cost)), isEstimated: usage.isEstimated };
    },
    costOfAttempt,
  };
}
