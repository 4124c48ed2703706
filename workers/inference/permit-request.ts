// What an attempt will take, as far as can be said before it: its permit, and what it costs should nobody see its end.

import { costOfCall } from '#src/accounts/request-cost.ts';
import type { Catalogue, Deployment } from '#src/config/catalogue.ts';
import type { Credential } from '#src/config/credentials.ts';
import type { Failure } from '#src/contracts/failure.ts';
import type { FailureCode } from '#src/contracts/failure-table.ts';
import { attemptId } from '#src/contracts/ids.ts';
import { type Cost, chargeOf, formatCharge, formatUsd, type PicoUsd } from '#src/contracts/money.ts';
import { circuitOf, type RouteStep } from '#src/contracts/route-plan.ts';
import { modelScopeName, type Scope } from '#src/contracts/scope.ts';
import { totalTokens, type Usage } from '#src/contracts/usage.ts';
import { attemptEntry, encodeMessage } from '#src/ledger/books.ts';
import type { PermitRequest, Settlement } from '#src/limits/limiter.ts';
import type { ShownCost } from '#src/protocols/codec.ts';
import { isFree } from '#src/protocols/protocol.ts';
import type { Delivery, InferenceContext } from './delivery.ts';

/**
 * What the limiter needs to let this attempt through, with the entry that is written should nobody ever settle it.
 * @param credential null where the provider has no choice of them.
 */
export function permitRequest(
  context: InferenceContext,
  delivery: Delivery,
  deployment: Deployment,
  credential: Credential | null,
): PermitRequest {
  const { spec, step, writer } = delivery;
  const used = credential === null ? {} : { credential: credential.name };
  const pricing = pricingOf(context, delivery, deployment);
  const usage = estimatedUsage(delivery);
  const facts = { spec, step, ...used, attempt: writer.attempt, startedAtMs: Date.now() };
  const unsettled = attemptEntry(facts, {
    state: 'unsettled',
    outcome: 'unknown',
    usage,
    cost: pricing.costOfAttempt(usage),
    firstByteMs: null,
    durationMs: 0,
  });
  return {
    attemptId: attemptId(spec.requestId, writer.attempt),
    requestId: spec.requestId,
    scopes: scopesOf(context, delivery, deployment, credential),
    ...used,
    acceptedAtMs: spec.acceptedAtMs,
    isBatch: spec.lane === 'batch',
    // As in the wait queues (src/limits/wait-queue.ts), whatever this attempt adds to it.
    tokens: spec.estimatedInputTokens + spec.estimatedOutputTokens,
    inputTokens: spec.estimatedInputTokens,
    outputTokens: spec.estimatedOutputTokens,
    unsettledEntry: encodeMessage({ attempt: unsettled }),
  };
}

function scopesOf(
  { learned }: InferenceContext,
  { spec, step }: Delivery,
  deployment: Deployment,
  credential: Credential | null,
): Scope[] {
  const ofModel = modelScope(deployment, step, credential);
  const { scope, provider } = deployment;
  // What is configured for all credentials together says nothing about one of them.
  const configured = credential?.scope.limits ?? { ...provider.scope.limits, ...scope.limits };
  return [
    provider.scope,
    ...(credential === null ? [] : [credential.scope]),
    ...(ofModel === scope ? [] : [scope]),
    provider.learnsLimits ? learned.scopeOf(ofModel, configured) : ofModel,
    ...(spec.keyScope === null ? [] : [spec.keyScope]),
  ];
}

/**
 * What a provider limits when it limits a model. Each model of a wildcard deployment, and each of several credentials, has a
 * scope of its own, without configured limits, in which the provider's waits and what it teaches are kept.
 */
export function modelScope(deployment: Deployment, step: RouteStep, credential: Credential | null): Scope {
  if (credential !== null) return { name: modelScopeName(circuitOf(step), credential.name), limits: {} };
  if (!deployment.upstreamModel.includes('*')) return deployment.scope;
  return { name: modelScopeName(circuitOf({ ...step, isWildcard: true })), limits: {} };
}

export function pricingOf(context: InferenceContext, delivery: Delivery, deployment: Deployment): AttemptPricing {
  const earlier = BigInt(delivery.progress.costPicoUsd);
  return createAttemptPricing(context.catalogue, deployment, delivery.step.upstreamModel, earlier);
}

export function estimatedInputTokens({ spec, prefillTokens }: Delivery): number {
  return spec.estimatedInputTokens + prefillTokens;
}

function estimatedUsage(delivery: Delivery): Usage {
  return {
    inputTokens: estimatedInputTokens(delivery),
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: delivery.spec.estimatedOutputTokens,
    reasoningTokens: 0,
    isEstimated: true,
    ...(delivery.spec.serviceTier === undefined ? {} : { serviceTier: delivery.spec.serviceTier }),
    ...(isFree(delivery.client) ? { isUnbilled: true as const } : {}),
  };
}

/** Failures before which the provider cannot have counted anything. */
const NEVER_ARRIVED: ReadonlySet<FailureCode> = new Set(['upstream_unreachable', 'upstream_connect_timeout']);

type UsedTokens = Omit<Settlement, 'entry'>;

/** What the provider's own limiter has counted, as far as can be known: a failed call counts at least its prompt. */
export function usedTokens(failure: Failure | null, usage: Usage, inputTokens: number): UsedTokens {
  if (failure !== null && NEVER_ARRIVED.has(failure.code)) {
    return { usedTokens: 0, usedInputTokens: 0, usedOutputTokens: 0 };
  }
  const input = Math.max(0, usage.inputTokens - usage.cachedInputTokens);
  const least = failure === null ? 0 : inputTokens;
  return {
    usedTokens: Math.max(totalTokens(usage), least),
    usedInputTokens: totalTokens(usage) === 0 ? least : input,
    usedOutputTokens: usage.outputTokens,
  };
}

// The money of one attempt: what the client is shown and what the ledger gets come from the same function.

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
