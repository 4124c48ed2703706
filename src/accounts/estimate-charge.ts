// What a request may cost before anybody knows what it does: by its dearest step, tier and kind of output.
import type { Catalogue } from '../config/catalogue.ts';
import { type ChargeUnits, chargeOf, costOf, type PicoUsd, type Price } from '../contracts/money.ts';
import { allSteps, type RoutePlan } from '../contracts/route-plan.ts';
import { NO_USAGE, type Usage } from '../contracts/usage.ts';

export interface EstimatedTokens {
  estimatedInputTokens: number;
  estimatedOutputTokens: number;
  /** That the request asks for. */
  serviceTier?: string;
}

export function estimateCharge(catalogue: Catalogue, plan: RoutePlan, request: EstimatedTokens): ChargeUnits {
  const { estimatedInputTokens: inputTokens, estimatedOutputTokens: outputTokens, serviceTier } = request;
  const usage: Usage = { ...NO_USAGE, inputTokens, outputTokens, isEstimated: true };
  const costs = allSteps(plan).map((step) => {
    const deployment = catalogue.deployments.get(step.deployment);
    const price = deployment && catalogue.priceOf(deployment, step.upstreamModel, inputTokens);
    return price ? dearestOf(usage, price, serviceTier) : 0n;
  });
  return chargeOf(dearest(costs));
}

/** The tier that is asked for may not be the one that serves, and a model that can speak or draw may do it. */
function dearestOf(usage: Usage, price: Price, serviceTier: string | undefined): PicoUsd {
  const tiers: Usage[] = serviceTier === undefined ? [usage] : [usage, { ...usage, serviceTier }];
  const kinds = [{}, { audio: usage.outputTokens }, { image: usage.outputTokens }, { video: usage.outputTokens }];
  return dearest(tiers.flatMap((tier) => kinds.map((outputMedia) => costOf({ ...tier, outputMedia }, price))));
}

function dearest(costs: readonly PicoUsd[]): PicoUsd {
  return costs.reduce((most, cost) => (cost > most ? cost : most), 0n);
}
