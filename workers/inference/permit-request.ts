// What an attempt will use, as far as it is known before the call: its permit, and its cost if its end is never seen.

import { costOfAttempt, estimatedUsage } from '#src/accounts/request-cost.ts';
import type { Catalogue, Deployment } from '#src/config/catalogue.ts';
import type { Credential } from '#src/config/credentials.ts';
import type { Failure } from '#src/contracts/failure.ts';
import type { FailureCode } from '#src/contracts/failure-table.ts';
import { type ChargeTerms, type Cost, chargeOf, formatCharge, formatUsd, type PicoUsd } from '#src/contracts/money.ts';
import { circuitOf } from '#src/contracts/route-plan.ts';
import { totalTokens, type Usage } from '#src/contracts/usage.ts';
import { unsettledMessage } from '#src/ledger/books.ts';
import type { UsedTokens } from '#src/limits/limit-arguments.ts';
import type { AdoptedPermit, PermitRequest } from '#src/limits/limiter.ts';
import {
  attemptScopes,
  countsExpected,
  type GrantedPermit,
  type PermitTerms,
  permitTermsOf,
  turnOf,
} from '#src/limits/permit-terms.ts';
import type { ShownCost } from '#src/protocols/codec.ts';
import { isFree } from '#src/protocols/protocol.ts';
import type { Delivery, InferenceContext } from './delivery.ts';

/**
 * The limiter's input for this attempt, with the ledger entry that is written if the attempt is never settled.
 * @param credential null if the provider has no choice of credentials.
 */
export function permitRequest(
  context: InferenceContext,
  delivery: Delivery,
  deployment: Deployment,
  credential: Credential | null,
): PermitRequest {
  const { spec, step, writer, client } = delivery;
  const usage = estimatedUsage(spec, estimatedInputTokens(delivery), isFree(client));
  const cost = costOfAttempt(context.catalogue, deployment, step.upstreamModel, usage);
  const isHedge = delivery.beside?.isHedge === true;
  const attempt = { attempt: writer.attempt, startedAtMs: Date.now(), isHedge };
  const facts = { spec, step, credential: credential?.name, ...attempt };
  const terms = permitTerms(context, delivery, deployment, credential);
  const expected = expectedTokens(context, delivery, terms);
  return { ...terms, ...expected, unsettledEntry: unsettledMessage(facts, usage, cost) };
}

function expectedTokens(
  { tokenEstimates }: InferenceContext,
  { spec, step }: Delivery,
  { scopes }: PermitTerms,
): Pick<PermitRequest, 'expected'> {
  if (!scopes.some(countsExpected)) return {};
  const reserved = { inputTokens: spec.estimatedInputTokens, outputTokens: spec.estimatedOutputTokens };
  return { expected: tokenEstimates.expect(circuitOf(step), reserved) };
}

/** The permit that was taken in the step that handed the request over (src/api/admit/hand-over.ts). */
export function grantedPermit(
  context: InferenceContext,
  delivery: Delivery,
  deployment: Deployment,
  granted: GrantedPermit,
): AdoptedPermit {
  return context.limiter.adopt(permitTerms(context, delivery, deployment, null), granted);
}

function permitTerms(
  { learned }: InferenceContext,
  { spec, step, writer }: Delivery,
  deployment: Deployment,
  credential: Credential | null,
): PermitTerms {
  const scopes = attemptScopes(learned, { deployment, step, credential, spec });
  return permitTermsOf(spec, writer.attempt, scopes, turnOf(spec, deployment), credential);
}

export function pricingOf(context: InferenceContext, delivery: Delivery, deployment: Deployment): AttemptPricing {
  const earlier = BigInt(delivery.progress.costPicoUsd);
  return createAttemptPricing(
    context.catalogue,
    deployment,
    delivery.step.upstreamModel,
    earlier,
    delivery.spec.accounts?.credits,
  );
}

export function estimatedInputTokens({ spec, prefillTokens }: Delivery): number {
  return spec.estimatedInputTokens + prefillTokens;
}

/** Failures with which the provider cannot have counted anything. */
const NEVER_ARRIVED: ReadonlySet<FailureCode> = new Set(['upstream_unreachable', 'upstream_connect_timeout']);

/** What the provider's own limiter has counted, as far as is known: a failed call counts at least its prompt. */
export function usedTokens(failure: Failure | null, usage: Usage, inputTokens: number): UsedTokens {
  if (failure !== null && NEVER_ARRIVED.has(failure.code)) {
    return { usedTokens: 0, usedInputTokens: 0, usedOutputTokens: 0 };
  }
  const input = Math.max(0, usage.inputTokens - usage.cachedInputTokens);
  const least = failure === null ? 0 : inputTokens;
  const used: UsedTokens = {
    usedTokens: Math.max(totalTokens(usage), least),
    usedInputTokens: totalTokens(usage) === 0 ? least : input,
    usedOutputTokens: usage.outputTokens,
  };
  if (failure?.code === 'upstream_rate_limited') used.isRefused = true;
  return used;
}

// The cost of one attempt: what the client sees and what the ledger records come from the same function.

export interface AttemptPricing {
  /** For the relay: the request's cost including this attempt, and its charge. */
  /** @param beside cost of a concurrent attempt. */
  priceUsage(usage: Usage, beside?: PicoUsd): ShownCost;
  /** For the books: this attempt alone. */
  costOfAttempt(usage: Usage): Cost;
}

/** @param earlierCost cost of the request's earlier attempts. */
export function createAttemptPricing(
  catalogue: Catalogue,
  deployment: Deployment,
  upstreamModel: string,
  earlierCost: PicoUsd,
  terms?: ChargeTerms,
): AttemptPricing {
  const ofAttempt = (usage: Usage) => costOfAttempt(catalogue, deployment, upstreamModel, usage);
  return {
    priceUsage(usage, beside = 0n) {
      const cost = earlierCost + beside + ofAttempt(usage).cost;
      return { cost: formatUsd(cost), charge: formatCharge(chargeOf(cost, terms)), isEstimated: usage.isEstimated };
    },
    costOfAttempt: ofAttempt,
  };
}
