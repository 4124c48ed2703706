// Estimates the tokens and the cost of a request before it is answered, which limits, wait queues and budgets count until the
// actual usage is known; and computes the cost of a call afterwards.
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

/** @param body as returned by `effectiveRequest`. */
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

/** The requested service tier, which prices depend on, in any protocol's spelling. */
function askedTier({ service_tier: snake, serviceTier: camel }: JsonObject): Pick<Estimate, 'serviceTier'> {
  const asked = snake ?? camel;
  const tier = readTier(typeof asked === 'string' ? asked.toLowerCase().replace(/^service_tier_/, '') : undefined);
  return tier === undefined || tier === 'standard_only' ? {} : { serviceTier: tier };
}

/** Whether a step translates to a provider whose maximum output is raised by its thinking tokens. */
function isThoughtAdded({ providers }: Catalogue, { passThrough }: ClientProtocol, plan: RoutePlan): boolean {
  return allSteps(plan).some((step) => {
    const protocols: readonly string[] = providers.get(step.provider)?.protocols ?? [];
    return protocols.includes('anthropic-messages') && !protocols.includes(passThrough.upstream);
  });
}

export interface EstimatedTokens {
  estimatedInputTokens: number;
  estimatedOutputTokens: number;
  /** The tier that the request asks for. */
  serviceTier?: string;
}

/** The cost of the most expensive step of the plan. */
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

/** Highest cost over tiers and output media: another tier may serve the call, and the output may be audio, images or video. */
function dearestOf(usage: Usage, price: Price, serviceTier: string | undefined): PicoUsd {
  const tiers: Usage[] = serviceTier === undefined ? [usage] : [usage, { ...usage, serviceTier }];
  const kinds = [{}, { audio: usage.outputTokens }, { image: usage.outputTokens }, { video: usage.outputTokens }];
  return dearest(tiers.flatMap((tier) => kinds.map((outputMedia) => costOf({ ...tier, outputMedia }, price))));
}

function dearest(costs: readonly PicoUsd[]): PicoUsd {
  return costs.reduce((most, cost) => (cost > most ? cost : most), 0n);
}

/** Estimated usage of a call. @param inputTokens including what the call adds to the prompt. */
export function estimatedUsage(
  spec: Pick<RequestSpec, 'estimatedOutputTokens' | 'serviceTier'>,
  inputTokens: number,
  isUnbilled: boolean,
): Usage {
  const { estimatedOutputTokens: outputTokens, serviceTier } = spec;
  const usage: Usage = { ...NO_USAGE, inputTokens, outputTokens, isEstimated: true };
  if (serviceTier !== undefined) usage.serviceTier = serviceTier;
  if (isUnbilled) usage.isUnbilled = true;
  return usage;
}

/** Most providers bill a call that ended before they reported usage, at least its prompt, and unstreamed calls too. */
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
 * Uses the configured price, else the cost reported by the provider, else the price package. Without a price the call is booked
 * at no cost, and `unpriced` names what it used.
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
  /** `input`, `cached_input`, `cache_write`, `output`, `reasoning`, `request`, a tool's name, or `other` for the remainder. */
  part: string;
  /** Number of tokens or calls. */
  count: number;
  cost: PicoUsd;
}

/**
 * Splits a booked cost into parts at the current prices. The parts add up to the booked cost: any difference (prices changed
 * since, media, one-hour caches, costs reported by the provider) is `other`, which may be negative.
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
