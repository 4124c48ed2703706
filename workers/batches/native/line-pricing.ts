// The money of a line at its vendor's batch price: what the client is shown and what the ledger gets are the same.
import type { Catalogue } from '#src/config/catalogue.ts';
import { chargeOf, costOf, formatCharge, formatUsd, type PicoUsd } from '#src/contracts/money.ts';
import type { Usage } from '#src/contracts/usage.ts';
import type { ShownCost } from '#src/protocols/codec.ts';
import type { NativeTarget } from './native-line.ts';

export interface LinePricing {
  /** For the relay. */
  priceUsage(usage: Usage, reportedCost: PicoUsd | null): ShownCost;
  /** For the books. */
  costOf(usage: Usage): PicoUsd;
}

type PricedTarget = Pick<NativeTarget, 'deployment' | 'upstreamModel'>;

export function createLinePricing(
  { batchPriceOf }: Pick<Catalogue, 'batchPriceOf'>,
  { deployment, upstreamModel }: PricedTarget,
): LinePricing {
  const isConfigured = deployment.batchPrice !== null || deployment.price !== null;
  let reported: PicoUsd | null = null;

  /** The configuration's price, else what the vendor says it charged, else half of the price package's, else nothing. */
  function cost(usage: Usage): PicoUsd {
    if (!isConfigured && reported !== null) return reported;
    const price = batchPriceOf(deployment, upstreamModel, usage.inputTokens);
    return price === null ? 0n : costOf(usage, price);
  }

  return {
    priceUsage(usage, reportedCost) {
      reported = reportedCost;
      const total = cost(usage);
      return { cost: formatUsd(total), charge: formatCharge(chargeOf(total)) };
    },
    costOf: cost,
  };
}
