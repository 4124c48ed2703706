// A line in a provider's own batch: its target, the request that is sent, its price.

import { costOfCall } from '#src/accounts/request-cost.ts';
import type { NativeChunk } from '#src/batches/native-chunk-store.ts';
import type { Catalogue, Deployment } from '#src/config/catalogue.ts';
import { type Failure, isFailure } from '#src/contracts/failure.ts';
import { type ChargeTerms, type Cost, chargeOf, formatCharge, formatUsd } from '#src/contracts/money.ts';
import type { RequestSpec } from '#src/contracts/request-record.ts';
import type { RouteStep } from '#src/contracts/route-plan.ts';
import type { Usage } from '#src/contracts/usage.ts';
import type { BatchProtocol } from '#src/protocols/batch-protocol.ts';
import { type PreparedCall, prepareCall } from '#src/protocols/call/prepare-call.ts';
import type { ShownCost } from '#src/protocols/codec.ts';
import { findBatchProtocol, findProtocolRoute, type ProtocolRoute } from '#src/protocols/registry.ts';
import type { BatchContext } from '../batch-context.ts';
import { createLineRequest, type LineOrigin, specOfLine } from '../line-request.ts';
import type { RunnableLine } from '../line-runner.ts';

/** Lines of one target can share a chunk. */
export interface NativeTarget {
  deployment: Deployment;
  upstreamModel: string;
  route: ProtocolRoute;
  protocol: BatchProtocol;
}

/** The first try of a line is the one in the provider's batch; ordinary requests count from the next. */
export const NATIVE_TRY = 1;

/** Null for a line that must run as an ordinary request, or would be refused as one. */
export function findTarget(context: BatchContext, origin: LineOrigin, line: RunnableLine): NativeTarget | null {
  if (!mayBeNative(context, line)) return null;
  const spec = createLineRequest(context, origin, line, NATIVE_TRY);
  const step = isFailure(spec) ? undefined : spec.plan.steps[0];
  const target = step === undefined ? null : targetOf(context, origin, step);
  return target?.deployment.hasNativeBatches ? target : null;
}

/** A cheap check first: lines of other models are routed once, not twice. */
function mayBeNative({ catalogue }: BatchContext, { value }: RunnableLine): boolean {
  const model = typeof value.model === 'string' ? catalogue.findModel(value.model) : null;
  return model?.candidates.some(({ deployment }) => deployment.hasNativeBatches) ?? false;
}

/** Null if the configuration does not, or no longer, contain it. */
export function targetOf(
  { catalogue }: BatchContext,
  { client }: LineOrigin,
  { deployment: id, upstreamModel }: Pick<RouteStep, 'deployment' | 'upstreamModel'>,
): NativeTarget | null {
  const deployment = catalogue.deployments.get(id);
  if (deployment === undefined) return null;
  const route = findProtocolRoute(client.name, deployment.provider.protocols);
  const protocol = route === null ? null : findBatchProtocol(route.upstream.name);
  return route === null || protocol === null ? null : { deployment, upstreamModel, route, protocol };
}

/** Deployment and model determine the protocol as well. */
export function keyOf({ deployment, upstreamModel }: NativeTarget): string {
  return `${deployment.id} ${upstreamModel}`;
}

/** The request that represents the line while its provider has it. The same on every call. */
export function nativeSpec(
  context: BatchContext,
  origin: LineOrigin,
  line: RunnableLine,
  chunk: Pick<NativeChunk, 'deployment' | 'provider' | 'upstreamModel' | 'createdAtMs'>,
): RequestSpec | Failure {
  const facts = origin.client.readRequest(line.value, { path: origin.batch.endpoint, query: {} });
  if (isFailure(facts)) return facts;
  const { deployment, provider, upstreamModel } = chunk;
  const plan = { steps: [{ deployment, provider, upstreamModel, model: facts.model }] };
  return { ...specOfLine(context, origin, facts, plan, line, NATIVE_TRY), acceptedAtMs: chunk.createdAtMs };
}

/** The provider's request, and the translation of its answer. */
export async function prepareNative(
  context: BatchContext,
  { key }: LineOrigin,
  { route, deployment, upstreamModel }: NativeTarget,
  spec: RequestSpec,
  line: RunnableLine,
): Promise<PreparedCall | Failure> {
  const body = await context.fileResolver.resolve(key.id, { bytes: line.body, value: line.value });
  if (isFailure(body)) return body;
  return prepareCall(route, deployment.provider.dialect, {
    ...spec,
    body: body.bytes,
    upstreamModel,
    cures: new Set(),
  });
}

/** Prices a line at its provider's batch price; the client and the ledger get the same figure. */
export interface LinePricing {
  /** For the answer. */
  priceUsage(usage: Usage): ShownCost;
  /** For the ledger. */
  costOf(usage: Usage): Cost;
}

type PricedTarget = Pick<NativeTarget, 'deployment' | 'upstreamModel'>;

export function createLinePricing(
  { batchPriceOf }: Pick<Catalogue, 'batchPriceOf'>,
  { deployment, upstreamModel }: PricedTarget,
  terms?: ChargeTerms,
): LinePricing {
  const isConfigured = deployment.batchPrice !== null || deployment.price !== null;

  /** Batches are a separate service tier: the tier in an answer is ignored. */
  function costOf({ serviceTier: _, ...usage }: Usage): Cost {
    return costOfCall(usage, isConfigured, () => batchPriceOf(deployment, upstreamModel, usage.inputTokens));
  }

  return {
    priceUsage(usage) {
      const { cost } = costOf(usage);
      return { cost: formatUsd(cost), charge: formatCharge(chargeOf(cost, terms)), isEstimated: usage.isEstimated };
    },
    costOf,
  };
}
