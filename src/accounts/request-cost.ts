// What a request may take and cost, before it is answered: what limits, wait queues and budgets count until it is known; and
// what one call has cost, afterwards.
import type { Catalogue, Deployment } from '../config/catalogue.ts';
import { type Cost, costOf, type PicoUsd, type Price, priceUsage } from '../contracts/money.ts';
import { MAX_ESTIMATED_TOKENS, type RequestSpec } from '../contracts/request-record.ts';
import { allSteps, type RoutePlan } from '../contracts/route-plan.ts';
import { NO_USAGE, totalTokens, type Usage } from '../contracts/usage.ts';
import { thinkingAllowance } from '../protocols/call/effective-request.ts';
import type { JsonObject } from '../protocols/codec.ts';
import type { ClientProtocol, RequestFacts } from '../protocols/protocol.ts';
import { readTier } from '../protocols/providers/counts.ts';

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

export interface EstimatedTokens {
  estimatedInputTokens: number;
  estimatedOutputTokens: number;
  /** That the request asks for. */
  serviceTier?: string;
}

/** What the dearest step of the plan would cost. */
export function estimateCost(catalogue: Catalogue, plan: RoutePlan, request: EstimatedTokens): PicoUsd {
  const { estimatedInputTokens: inputTokens, estimatedOutputTokens: outputTokens, serviceTier } = request;
  const usage: Usage = { ...NO_USAGE, inputTokens, outputTokens, isEstimated: true };
  const costs = allSteps(plan).map((step) => {
    const deployment = catalogue.deployments.get(step.deployment);
    const price = deployment && catalogue.priceOf(deployment, step.upstreamModel, inputTokens);
    return price ? dearestOf(usage, price, serviceTier) : 0n;
  });
  return dearest(costs);
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

/** What a call will use, as far as can be said before it. @param inputTokens what the call adds to the prompt included. */
export function estimatedUsage(
  spec: Pick<RequestSpec, 'estimatedOutputTokens' | 'serviceTier'>,
  inputTokens: number,
  isUnbilled: boolean,
): Usage {
  const { estimatedOutputTokens: outputTokens, serviceTier } = spec;
  return {
    ...NO_USAGE,
    inputTokens,
    outputTokens,
    isEstimated: true,
    ...(serviceTier === undefined ? {} : { serviceTier }),
    ...(isUnbilled ? { isUnbilled: true as const } : {}),
  };
}

/** A call that ended before its provider had counted is billed by most of them: the prompt at least, unstreamed ones too. */
export function withPrompt(usage: Usage, estimatedInputTokens: number, serviceTier: string | undefined): Usage {
  const isCounted = !usage.isEstimated && totalTokens(usage) > 0;
  if (isCounted || usage.isUnbilled) return usage;
  const inputTokens = Math.max(usage.inputTokens, estimatedInputTokens);
  return { ...(serviceTier === undefined ? {} : { serviceTier }), ...usage, inputTokens, isEstimated: true };
}

export function costOfAttempt(
  catalogue: Pick<Catalogue, 'priceOf'>,
  deployment: Deployment,
  upstreamModel: string,
  usage: Usage,
): Cost {
  return costOfCall(usage, deployment.price !== null, () =>
    catalogue.priceOf(deployment, upstreamModel, usage.inputTokens),
  );
}

/**
 * The configuration's price, else what the provider says it charged, else the price package. Without a known price the
 * call costs nothing in the books, and they name what was used of it.
 */
export function costOfCall(usage: Usage, isConfigured: boolean, findPrice: () => Price | null): Cost {
  const { reportedCost } = usage;
  if (!isConfigured && reportedCost !== undefined) return { cost: reportedCost, unpriced: [] };
  const price = findPrice();
  return price === null ? { cost: 0n, unpriced: usedOf(usage) } : priceUsage(usage, price);
}

function usedOf({ isUnbilled, inputTokens, outputTokens, toolCalls = {} }: Usage): string[] {
  if (isUnbilled) return [];
  const tokens = { input: inputTokens, output: outputTokens, ...toolCalls };
  return Object.entries(tokens).flatMap(([name, count]) => (count > 0 ? [name] : []));
}

export interface CostPart {
  /** `input`, `cached_input`, `cache_write`, `output`, `reasoning`, `request`, a tool's name; `other`: what prices do not explain. */
  part: string;
  /** Tokens, or calls. */
  count: number;
  cost: PicoUsd;
}

/**
 * What a booked cost is made of, at the prices in force now. Their sum is the booked cost: what it was more or less (prices that
 * have changed since, media, caches for an hour, the provider's own word) is `other`.
 */
export function costParts(usage: Usage, price: Price, booked: PicoUsd): CostPart[] {
  const { request, ...tokens } = price;
  const tier = usage.serviceTier === undefined ? {} : { serviceTier: usage.serviceTier };
  const priced = (part: string, count: number, used: Partial<Usage>): CostPart => ({
    part,
    count,
    cost: costOf({ ...NO_USAGE, ...tier, ...used }, tokens),
  });
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens, toolCalls = {} } = usage;
  const fresh = Math.max(0, inputTokens - cachedInputTokens - cacheWriteTokens);
  const said = Math.max(0, outputTokens - reasoningTokens);
  const parts = [
    priced('input', fresh, { inputTokens: fresh }),
    priced('cached_input', cachedInputTokens, { inputTokens: cachedInputTokens, cachedInputTokens }),
    priced('cache_write', cacheWriteTokens, { inputTokens: cacheWriteTokens, cacheWriteTokens }),
    priced('output', said, { outputTokens: said }),
    priced('reasoning', reasoningTokens, { outputTokens: reasoningTokens, reasoningTokens }),
    ...Object.entries(toolCalls).map(([name, calls]) => priced(name, calls, { toolCalls: { [name]: calls } })),
    { part: 'request', count: 1, cost: request ?? 0n },
  ].filter(({ count, cost }) => count > 0 && (cost > 0n || count > 1));
  const rest = parts.reduce((left, { cost }) => left - cost, booked);
  return rest === 0n ? parts : [...parts, { part: 'other', count: 1, cost: rest }];
}
