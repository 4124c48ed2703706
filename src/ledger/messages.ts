// What the tiers tell the ledger: one entry per attempt, one outcome per request.
import { isDeadLetter } from '../contracts/dead-letter.ts';
import type { Failure } from '../contracts/failure.ts';
import type { LedgerEntry, LedgerMessage, LedgerState, RequestOutcome } from '../contracts/ledger-entry.ts';
import { type Cost, chargeOf, type PicoUsd } from '../contracts/money.ts';
import type { RequestSpec, TimelinePart } from '../contracts/request-record.ts';
import type { RouteStep } from '../contracts/route-plan.ts';
import type { Usage } from '../contracts/usage.ts';

export interface AttemptFacts {
  spec: RequestSpec;
  step: RouteStep;
  attempt: number;
  startedAtMs: number;
}

export interface AttemptEnd {
  state: LedgerState;
  outcome: string;
  usage: Usage;
  cost: Cost;
  firstByteMs: number | null;
  durationMs: number;
}

export function attemptEntry({ spec, step, attempt, startedAtMs }: AttemptFacts, end: AttemptEnd): LedgerEntry {
  return {
    requestId: spec.requestId,
    attempt,
    keyId: spec.keyId,
    model: spec.model,
    provider: step.provider,
    deployment: step.deployment,
    upstreamModel: step.upstreamModel,
    protocol: spec.protocol,
    lane: spec.lane,
    isStream: spec.isStream,
    state: end.state,
    outcome: end.outcome,
    startedAtMs,
    queueMs: Math.max(0, startedAtMs - spec.acceptedAtMs),
    firstByteMs: end.firstByteMs,
    durationMs: end.durationMs,
    inputTokens: end.usage.inputTokens,
    cachedInputTokens: end.usage.cachedInputTokens,
    cacheWriteTokens: end.usage.cacheWriteTokens,
    outputTokens: end.usage.outputTokens,
    reasoningTokens: end.usage.reasoningTokens,
    costPicoUsd: end.cost.cost.toString(),
    ...detailsOf(end),
  };
}

/** Absent where there are none. */
export function detailsOf({ usage, cost }: Pick<AttemptEnd, 'usage' | 'cost'>): Pick<LedgerEntry, 'details'> {
  const { disputed, serviceTier, toolCalls } = usage;
  const unpriced = cost.unpriced.length === 0 ? undefined : cost.unpriced;
  const told = Object.entries({ unpriced, disputed, serviceTier, toolCalls }).filter(
    ([, value]) => value !== undefined,
  );
  return told.length === 0 ? {} : { details: Object.fromEntries(told) };
}

export interface RequestEnd {
  outcome: string;
  answeredBy: RouteStep | null;
  attempts: number;
  cost: PicoUsd;
  timeline: readonly TimelinePart[];
  finishedAtMs: number;
}

export function requestOutcome(spec: RequestSpec, end: RequestEnd): RequestOutcome {
  return {
    requestId: spec.requestId,
    keyId: spec.keyId,
    model: spec.model,
    protocol: spec.protocol,
    lane: spec.lane,
    isStream: spec.isStream,
    outcome: end.outcome,
    provider: end.answeredBy?.provider ?? null,
    upstreamModel: end.answeredBy?.upstreamModel ?? null,
    acceptedAtMs: spec.acceptedAtMs,
    finishedAtMs: end.finishedAtMs,
    attempts: end.attempts,
    costPicoUsd: end.cost.toString(),
    timeline: end.timeline,
    chargeUnits: chargeOf(end.cost),
    ...aftermathOf(spec),
  };
}

/** The end of a request that failed. */
export function failureMessage(spec: RequestSpec, request: RequestOutcome, failure: Failure): LedgerMessage {
  return isDeadLetter(spec, failure.code) ? { request, deadLetter: { spec, failure } } : { request };
}

function aftermathOf({ response, isAnnounced = false }: RequestSpec): Pick<RequestOutcome, 'aftermath'> {
  const hasResponse = response !== undefined;
  return hasResponse || isAnnounced ? { aftermath: { hasResponse, isAnnounced } } : {};
}

export function encodeMessage(message: LedgerMessage): string {
  return JSON.stringify(message);
}
