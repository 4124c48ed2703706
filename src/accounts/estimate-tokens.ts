// How many tokens a request may come to at the places of its plan: what limits, lines and budgets count until it is known.
import type { Catalogue } from '../config/catalogue.ts';
import { MAX_ESTIMATED_TOKENS, type RequestSpec } from '../contracts/request-record.ts';
import { allSteps, type RoutePlan } from '../contracts/route-plan.ts';
import type { JsonObject } from '../protocols/codec.ts';
import { thinkingAllowance } from '../protocols/effective-request.ts';
import type { ClientProtocol, RequestFacts } from '../protocols/protocol.ts';
import { readTier } from '../protocols/provider-counts.ts';

type Estimate = Pick<RequestSpec, 'estimatedInputTokens' | 'estimatedOutputTokens' | 'serviceTier'>;

/** @param body as `effectiveRequest` gives it. */
export function estimateTokens(
  catalogue: Catalogue,
  client: ClientProtocol,
  facts: RequestFacts,
  plan: RoutePlan,
  body: unknown,
): Estimate {
  const defaultOutputTokens = (catalogue.findModel(facts.model)?.outputTokens ?? 0) * facts.choices;
  const answer = facts.maxOutputTokens ?? defaultOutputTokens;
  const thoughts = isThoughtAdded(catalogue, client, plan) ? thinkingAllowance(body as JsonObject) : 0;
  return {
    estimatedInputTokens: Math.min(facts.estimatedInputTokens, MAX_ESTIMATED_TOKENS),
    estimatedOutputTokens: Math.min(answer + thoughts, MAX_ESTIMATED_TOKENS),
    ...askedTier(body as JsonObject),
  };
}

/** Prices hang on it, in every protocol's spelling. */
function askedTier({ service_tier: snake, serviceTier: camel }: JsonObject): Pick<Estimate, 'serviceTier'> {
  const asked = snake ?? camel;
  const tier = readTier(typeof asked === 'string' ? asked.toLowerCase().replace(/^service_tier_/, '') : undefined);
  return tier === undefined || tier === 'standard_only' ? {} : { serviceTier: tier };
}

/** Somewhere it is translated for a provider whose longest answer is raised for its thoughts. */
function isThoughtAdded({ providers }: Catalogue, { passThrough }: ClientProtocol, plan: RoutePlan): boolean {
  return allSteps(plan).some((step) => {
    const protocols: readonly string[] = providers.get(step.provider)?.protocols ?? [];
    return protocols.includes('anthropic-messages') && !protocols.includes(passThrough.upstream);
  });
}
