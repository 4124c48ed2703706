// Closes the books of a request: the only place that reports its end to the ledger, to the budget that holds its reservation
// and to the wait queues that it may still be in. Also builds the ledger messages.

import { isDeadLetter } from '../contracts/dead-letter.ts';
import type { Failure } from '../contracts/failure.ts';
import type {
  CostDetails,
  LedgerEntry,
  LedgerMessage,
  LedgerState,
  RequestOutcome,
} from '../contracts/ledger-entry.ts';
import { type Cost, chargeOf, type PicoUsd, picoOfCharge } from '../contracts/money.ts';
import type { BudgetReservation, RequestProgress, RequestSpec, TimelinePart } from '../contracts/request-record.ts';
import type { RouteStep } from '../contracts/route-plan.ts';
import type { Usage } from '../contracts/usage.ts';

export interface RequestEnding {
  spec: RequestSpec;
  /** Including its last attempt. */
  progress: RequestProgress;
  /** Null if it was answered. */
  failure: Failure | null;
  /** The step whose answer, complete or partial, the client received; null if none. */
  answeredBy: RouteStep | null;
  /** The step of its plan in whose wait queues it may still be; null if it ended with a call. */
  waitedAt: RouteStep | null;
  /** Its last attempt, if it is not in the ledger yet: both are written in one step. */
  attempt?: LedgerEntry;
  /** Its record is gone. Another worker may have ended it: then that outcome stands, and this one must leave no dead letter. */
  isOrphan?: boolean;
}

type Append = (message: string) => Promise<void>;

export interface Books {
  /**
   * Safe to repeat. Rejects if the write to Redis fails; the janitor cleans up after errors of wait queues.
   * @param append another way to write to the ledger: together with the last attempt's permit (limits/settle.lua).
   */
  close(ending: RequestEnding, append?: Append): Promise<void>;
}

/** What closing the books needs from other folders. */
export interface BookKeepers {
  ledger: { append: Append };
  budgets: {
    settle(reservation: BudgetReservation, requestId: string, cost: PicoUsd, charge: PicoUsd): Promise<void>;
  };
  /** Absent if bodies are not counted: batch lines have their own bound. */
  bodies?: { leave(spec: RequestSpec): Promise<void> };
  waitQueues: { forget(spec: RequestSpec, step: RouteStep): Promise<void> };
  onError: (error: Error) => void;
}

export function createBooks({ ledger, budgets, bodies, waitQueues, onError }: BookKeepers): Books {
  return {
    async close({ spec, progress, failure, answeredBy, waitedAt, attempt, isOrphan = false }, append = ledger.append) {
      const request = requestOutcome(spec, {
        outcome: failure === null ? 'ok' : failure.code,
        answeredBy,
        attempts: progress.calls,
        cost: BigInt(progress.costPicoUsd),
        timeline: progress.timeline,
        finishedAtMs: Date.now(),
      });
      const message = failure === null || isOrphan ? { request } : failureMessage(spec, request, failure);
      bodies?.leave(spec).catch(onError);
      if (waitedAt !== null) waitQueues.forget(spec, waitedAt).catch(onError);
      await Promise.all([
        append(encodeMessage(attempt === undefined ? message : { attempt, ...message })),
        spec.budgetHold === null
          ? undefined
          : budgets.settle(
              spec.budgetHold,
              spec.requestId,
              BigInt(request.costPicoUsd),
              picoOfCharge(request.chargeUnits),
            ),
      ]);
    },
  };
}

interface AttemptFacts {
  spec: RequestSpec;
  step: RouteStep;
  credential?: string | undefined;
  attempt: number;
  startedAtMs: number;
  /** The attempt is a hedge. */
  isHedge?: boolean;
}

interface AttemptEnd {
  state: LedgerState;
  outcome: string;
  usage: Usage;
  cost: Cost;
  firstByteMs: number | null;
  durationMs: number;
}

export function attemptEntry(facts: AttemptFacts, end: AttemptEnd): LedgerEntry {
  const { spec, step, credential, attempt, startedAtMs, isHedge = false } = facts;
  const entry: LedgerEntry = {
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
  };
  noteAccounts(entry, spec);
  if (credential !== undefined) entry.credential = credential;
  const { details } = detailsOf(end, isHedge);
  if (details !== undefined) entry.details = details;
  return entry;
}

/** The ledger message for an attempt whose end is never reported. JSON. */
export function unsettledMessage(facts: AttemptFacts, usage: Usage, cost: Cost): string {
  const end = { state: 'unsettled', outcome: 'unknown', usage, cost, firstByteMs: null, durationMs: 0 } as const;
  return encodeMessage({ attempt: attemptEntry(facts, end) });
}

/** Empty if there are none. */
export function detailsOf(
  { usage, cost }: Pick<AttemptEnd, 'usage' | 'cost'>,
  isHedge = false,
): Pick<LedgerEntry, 'details'> {
  const { disputed, serviceTier, toolCalls } = usage;
  const details: CostDetails = {};
  if (cost.unpriced.length > 0) details.unpriced = cost.unpriced;
  if (disputed !== undefined) details.disputed = disputed;
  if (serviceTier !== undefined) details.serviceTier = serviceTier;
  if (toolCalls !== undefined) details.toolCalls = toolCalls;
  if (isHedge) details.hedge = true;
  return Object.keys(details).length === 0 ? {} : { details };
}

interface RequestEnd {
  outcome: string;
  answeredBy: RouteStep | null;
  attempts: number;
  cost: PicoUsd;
  timeline: readonly TimelinePart[];
  finishedAtMs: number;
}

export function requestOutcome(spec: RequestSpec, end: RequestEnd): RequestOutcome {
  const outcome: RequestOutcome = {
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
    chargeUnits: chargeOf(end.cost, spec.accounts?.credits),
  };
  noteAccounts(outcome, spec);
  if (spec.accounts?.credits !== undefined) outcome.creditAccount = spec.accounts.credits.account;
  const { aftermath } = aftermathOf(spec);
  if (aftermath !== undefined) outcome.aftermath = aftermath;
  return outcome;
}

function noteAccounts(
  written: Pick<LedgerEntry, 'projectId' | 'organisationId' | 'labels'>,
  { accounts = {}, labels }: RequestSpec,
): void {
  const { project, organisation } = accounts;
  if (project !== undefined) written.projectId = project;
  if (organisation !== undefined) written.organisationId = organisation;
  if (labels !== undefined) written.labels = labels;
}

/** The message for a failed request, with its dead letter if it becomes one. */
function failureMessage(spec: RequestSpec, request: RequestOutcome, failure: Failure): LedgerMessage {
  return isDeadLetter(spec, failure.code) ? { request, deadLetter: { spec, failure } } : { request };
}

function aftermathOf({ response, isAnnounced = false }: RequestSpec): Pick<RequestOutcome, 'aftermath'> {
  const hasResponse = response !== undefined;
  return hasResponse || isAnnounced ? { aftermath: { hasResponse, isAnnounced } } : {};
}

export function encodeMessage(message: LedgerMessage): string {
  return JSON.stringify(message);
}
