// The money of a line at its provider's batch price: what the client is shown and what the ledger gets are the same.
import { costOfCall } from '#src/accounts/cost-of-call.ts';
import type { Catalogue } from '#src/config/catalogue.ts';
import { type Cost, chargeOf, formatCharge, formatUsd } from '#src/contracts/money.ts';
import type { Usage } from '#src/contracts/usage.ts';
import type { ShownCost } from '#src/protocols/codec.ts';
import type { NativeTarget } from './native-line.ts';

export interface LinePricing {
  /** For the relay. */
  priceUsage(usage: Usage): ShownCost;
  /** For the books. */
  costOf(usage: Usage): Cost;
}

type PricedTarget = Pick<NativeTarget, 'deployment' | 'upstreamModel'>;

export function createLinePricing(
  { batchPriceOf }: Pick<Catalogue, 'batchPriceOf'>,
  { deployment, upstreamModel }: PricedTarget,
): LinePricing {
  const isConfigured = deployment.batchPrice !== null || deployment.price !== null;

  /** Batches are a tier of their own: what an answer says of another one changes nothing. */
  function costOf({ serviceTier: _, ...usage }: Usage): Cost {
    return costOfCall(usage, isConfigured, () => batchPriceOf(deployment, upstreamModel, usage.inputTokens));
  }

  return {
    priceUsage(usage) {
      const { cost } = costOf(usage);
      return { cost: formatUsd(cost), charge: formatCharge(chargeOf(cost)), isEstimated: usage.isEstimated };
    },
    costOf,
  };
}
