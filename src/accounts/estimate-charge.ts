// What a request may cost before anybody knows what it does: by its dearest step.
import type { Catalogue } from '../config/catalogue.ts';
import { type ChargeUnits, chargeOf, costOf } from '../contracts/money.ts';
import { allSteps, type RoutePlan } from '../contracts/route-plan.ts';

export interface EstimatedTokens {
  estimatedInputTokens: number;
  estimatedOutputTokens: number;
}

export function estimateCharge(catalogue: Catalogue, plan: RoutePlan, request: EstimatedTokens): ChargeUnits {
  const usage = {
    inputTokens: request.estimatedInputTokens,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: request.estimatedOutputTokens,
    reasoningTokens: 0,
    isEstimated: true,
  };
  const costs = allSteps(plan).map((step) => {
    const deployment = catalogue.deployments.get(step.deployment);
    const price = deployment && catalogue.priceOf(deployment, step.upstreamModel, usage.inputTokens);
    return price ? costOf(usage, price) : 0n;
  });
  return chargeOf(costs.reduce((dearest, cost) => (cost > dearest ? cost : dearest), 0n));
}
