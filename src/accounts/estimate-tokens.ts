// How many tokens a request may come to at the places of its plan: what limits, lines and budgets count until it is known.
import type { Catalogue } from '../config/catalogue.ts';
import { MAX_ESTIMATED_TOKENS, type RequestSpec } from '../contracts/request-record.ts';
import type { RoutePlan } from '../contracts/route-plan.ts';
import type { JsonObject } from '../protocols/codec.ts';
import { thinkingAllowance } from '../protocols/effective-request.ts';
import type { ClientProtocol, RequestFacts } from '../protocols/protocol.ts';

type Estimate = Pick<RequestSpec, 'estimatedInputTokens' | 'estimatedOutputTokens'>;

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
  };
}

/** Somewhere it is translated for a vendor whose longest answer is raised for its thoughts. */
function isThoughtAdded({ providers }: Catalogue, { passThrough }: ClientProtocol, { steps }: RoutePlan): boolean {
  return steps.some((step) => {
    const protocols: readonly string[] = providers.get(step.provider)?.protocols ?? [];
    return protocols.includes('anthropic-messages') && !protocols.includes(passThrough.vendor);
  });
}
