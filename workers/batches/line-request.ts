// One try of one line as an ordinary request: parsed by its protocol, routed, priced.
import { type ApiKey, accountsOf, hasBudget, mayUseModel } from '#src/accounts/api-key.ts';
import { estimateCost, estimateTokens } from '#src/accounts/request-cost.ts';
import type { Batch } from '#src/batches/batch.ts';
import { lineRequestId } from '#src/contracts/batch.ts';
import { createFailure, type Failure, isFailure } from '#src/contracts/failure.ts';
import type { PicoUsd } from '#src/contracts/money.ts';
import { CONTRACT_VERSION, type RequestSpec } from '#src/contracts/request-record.ts';
import type { RoutePlan } from '#src/contracts/route-plan.ts';
import { readNamedRequest } from '#src/protocols/bounds/request-names.ts';
import { effectiveRequest } from '#src/protocols/call/effective-request.ts';
import type { ClientProtocol, MemoryFacts, RequestFacts } from '#src/protocols/protocol.ts';
import type { BatchContext } from './batch-context.ts';
import type { RunnableLine } from './line-runner.ts';

export interface LineOrigin {
  batch: Batch;
  key: ApiKey;
  client: ClientProtocol;
  replyShards: number;
}

/** Answers stay in Redis this long after the deadline: the batches process may be down for a day. */
const RETENTION_AFTER_DEADLINE_MS = 24 * 3_600_000;

export function requestIdOf({ batch, replyShards }: LineOrigin, number: number, tryNumber: number): string {
  return lineRequestId(batch.id, number, tryNumber, replyShards);
}

/** The request, without its budget reservation, or the reason why it is refused. */
export function createLineRequest(
  context: BatchContext,
  origin: LineOrigin,
  line: Pick<RunnableLine, 'number' | 'value'>,
  tryNumber: number,
): RequestSpec | Failure {
  const { batch, key, client } = origin;
  const facts = readNamedRequest(client, line.value, { path: batch.endpoint, query: {} });
  if (isFailure(facts)) return facts;
  if (facts.isStream) return unstreamedOnly();
  if (facts.memory !== undefined && hasPast(facts.memory)) return selfContainedOnly();
  const forbidden = [facts.model, ...facts.alternativeModels].find((model) => !mayUseModel(key, model));
  if (forbidden !== undefined) {
    return createFailure('key_forbidden', `This key may not use the model '${forbidden}'.`, { param: 'model' });
  }
  // Seeded by the line number: when another owner accepts the line again it is routed to the same queue.
  const plan = context.plan(client.name, { ...facts, pinnedProvider: null }, createLots(line.number));
  return isFailure(plan) ? plan : specOfLine(context, origin, facts, plan, line, tryNumber);
}

export function specOfLine(
  context: BatchContext,
  origin: LineOrigin,
  facts: RequestFacts,
  plan: RoutePlan,
  { number, value }: Pick<RunnableLine, 'number' | 'value'>,
  tryNumber: number,
): RequestSpec {
  const { batch, key, client } = origin;
  const acceptedAtMs = Date.now();
  return {
    version: CONTRACT_VERSION,
    requestId: requestIdOf(origin, number, tryNumber),
    keyId: key.id,
    ...accountsOf(key),
    budgetHold: null,
    protocol: client.name,
    model: facts.model,
    lane: 'batch',
    isStream: false,
    usageDelivery: facts.usageDelivery,
    forwardedHeaders: {},
    choices: facts.choices,
    plan,
    labels: { batch: batch.id },
    acceptedAtMs,
    deadlineAtMs: batch.expiresAtMs,
    inbox: context.instanceId,
    lifetime: 'nobody',
    retentionMs: Math.max(0, batch.expiresAtMs - acceptedAtMs) + RETENTION_AFTER_DEADLINE_MS,
    ...estimateTokens(context.catalogue, client, facts, plan, effectiveRequest(value)),
  };
}

/** mulberry32 (Tommy Ettinger, public domain). */
function createLots(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What to reserve; null for a key without a budget. */
export function costToReserve(context: BatchContext, { key }: LineOrigin, spec: RequestSpec): PicoUsd | null {
  return hasBudget(key) ? estimateCost(context.catalogue, spec.plan, spec) : null;
}

function unstreamedOnly(): Failure {
  const message = 'A request in a batch cannot be streamed: leave "stream" out.';
  return createFailure('parameter_unsupported', message, { param: 'stream' });
}

function hasPast({ isBackground, previousResponseId, conversationId }: MemoryFacts): boolean {
  return isBackground || previousResponseId !== null || conversationId !== null;
}

function selfContainedOnly(): Failure {
  const message =
    'A request in a batch cannot refer to other requests: leave out "background", "previous_response_id" and "conversation", and ' +
    'send earlier items in "input".';
  return createFailure('parameter_unsupported', message, { param: 'previous_response_id' });
}
