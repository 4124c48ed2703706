// The money of one attempt: what the client is shown and what the ledger gets come from the same function.
import type { Catalogue, Deployment } from '#src/config/catalogue.ts';
import { chargeOf, costOf, formatCharge, formatUsd, type PicoUsd } from '#src/contracts/money.ts';
import type { Usage } from '#src/contracts/usage.ts';
import type { ShownCost } from '#src/protocols/codec.ts';

export interface AttemptPricing {
  /** For the relay: the request's cost with this attempt, and its charge. */
  priceUsage(usage: Usage, reportedCost: PicoUsd | null): ShownCost;
  /** For the books: this attempt alone. */
  costOfAttempt(usage: Usage): PicoUsd;
}

/** @param earlierCost what earlier attempts of the same request cost. */
export function createAttemptPricing(
  catalogue: Catalogue,
  deployment: Deployment,
  upstreamModel: string,
  earlierCost: PicoUsd,
): AttemptPricing {
  let reported: PicoUsd | null = null;

  /** The configuration's price, else what the vendor says it charged, else the price package, else nothing. */
  function costOfAttempt(usage: Usage): PicoUsd {
    if (deployment.price === null && reported !== null) return reported;
    const price = catalogue.priceOf(deployment, upstreamModel, usage.inputTokens);
    return price === null ? 0n : costOf(usage, price);
  }

  return {
    priceUsage(usage, reportedCost) {
      reported = reportedCost;
      const cost = earlierCost + costOfAttempt(usage);
      return { cost: formatUsd(cost), charge: formatCharge(chargeOf(cost)) };
    },
    costOfAttempt,
  };
}
