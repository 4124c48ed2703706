// Turns a provider's results into results of lines, in the client's protocol, and into ledger entries. Safe to repeat: the
// same results give the same entries, and the ledger takes each attempt once.

import type { OpenLine } from '#src/batches/input-lines.ts';
import type { LineResult } from '#src/batches/line-result.ts';
import type { NativeChunk } from '#src/batches/native-chunk-store.ts';
import { type Failure, isFailure } from '#src/contracts/failure.ts';
import { ruleOf } from '#src/contracts/failure-table.ts';
import type { LedgerMessage, LedgerState } from '#src/contracts/ledger-entry.ts';
import { type PicoUsd, picoOfCharge } from '#src/contracts/money.ts';
import type { RequestSpec } from '#src/contracts/request-record.ts';
import { NO_USAGE, type Usage } from '#src/contracts/usage.ts';
import { attemptEntry, requestOutcome } from '#src/ledger/books.ts';
import type { ProviderLine } from '#src/protocols/batch-protocol.ts';
import { isCurable } from '#src/protocols/call/prepare-call.ts';
import type { RelayedBody, Translation } from '#src/protocols/protocol.ts';
import { createTranslation } from '#src/protocols/translate/translate-answer.ts';
import type { BatchContext } from '../batch-context.ts';
import type { LineOrigin } from '../line-request.ts';
import type { RunnableLine } from '../line-runner.ts';
import { createLinePricing, type LinePricing, NATIVE_TRY, type NativeTarget, nativeSpec } from './native-line.ts';

export interface SettledLine {
  line: OpenLine & { customId: string };
  /** Null if it has to run as an ordinary request. */
  result: LineResult | null;
  /** For the ledger; null if the provider did not run it. */
  message: LedgerMessage | null;
  cost: PicoUsd;
  charge: PicoUsd;
}

export interface SettleInput {
  context: BatchContext;
  origin: LineOrigin;
  target: NativeTarget;
  chunk: NativeChunk;
}

interface LineAttempt extends SettleInput {
  line: RunnableLine;
  spec: RequestSpec;
  pricing: LinePricing;
}

export function settleLine(input: SettleInput, line: RunnableLine, ended: ProviderLine): SettledLine {
  if (ended.kind === 'not-run') return { line, result: null, message: null, cost: 0n, charge: 0n };
  const attempt = attemptOf(input, line);
  if (isFailure(attempt)) return { line, result: null, message: null, cost: 0n, charge: 0n };
  const { body, usage, failure } = readAnswer(attempt, ended);
  const { message, cost, charge } = book(
    attempt,
    failure?.code ?? 'ok',
    usage,
    usage.isEstimated ? 'estimated' : 'settled',
  );
  return { line, result: resultOf(attempt, body, failure), message, cost, charge };
}

/** Books an estimate for a line of which it is not known whether the provider ran it. */
export function estimateLine(input: SettleInput, line: RunnableLine): SettledLine {
  const attempt = attemptOf(input, line);
  if (isFailure(attempt)) return { line, result: null, message: null, cost: 0n, charge: 0n };
  return { line, result: null, ...book(attempt, 'request_cancelled', estimatedUsage(attempt.spec), 'unsettled') };
}

/** What a line may cost, estimated from its request. */
export function estimateLineCost({ context, target }: SettleInput, spec: RequestSpec): PicoUsd {
  return createLinePricing(context.catalogue, target).costOf(estimatedUsage(spec)).cost;
}

function attemptOf(input: SettleInput, line: RunnableLine): LineAttempt | Failure {
  const spec = nativeSpec(input.context, input.origin, line, input.chunk);
  if (isFailure(spec)) return spec;
  return {
    ...input,
    line,
    spec,
    pricing: createLinePricing(input.context.catalogue, input.target, spec.accounts?.credits),
  };
}

function estimatedUsage(spec: RequestSpec): Usage {
  const { estimatedInputTokens: inputTokens, estimatedOutputTokens: outputTokens } = spec;
  return { ...NO_USAGE, inputTokens, outputTokens, isEstimated: true };
}

function readAnswer(
  { target, spec, line, pricing }: LineAttempt,
  { status, body }: Extract<ProviderLine, { kind: 'answered' }>,
): RelayedBody {
  const { route, deployment } = target;
  const provider = deployment.provider.name;
  if (status >= 300) {
    const failure = route.upstream.readFailure({ status, headers: {} }, body, Date.now());
    return { body, usage: NO_USAGE, failure: { ...failure, provider } };
  }
  const relayed = translationOf(target, spec, line).relayBody(body, {
    usageDelivery: spec.usageDelivery,
    choices: spec.choices,
    estimatedInputTokens: spec.estimatedInputTokens,
    priceUsage: pricing.priceUsage,
  });
  const { failure } = relayed;
  return failure === undefined ? relayed : { ...relayed, failure: { ...failure, upstreamStatus: status, provider } };
}

function translationOf({ route }: NativeTarget, spec: RequestSpec, line: RunnableLine): Translation {
  const { client, pair } = route;
  if (pair === null) return client.passThrough;
  const { requestId, acceptedAtMs } = spec;
  const createdAt = Math.floor(acceptedAtMs / 1_000);
  return createTranslation(pair, { requestId, createdAt, clientBody: line.value }, { requestId });
}

/** Null for a failure that retries, fallbacks or a changed request may cure: the line then runs as an ordinary request. */
function resultOf({ origin, spec, target }: LineAttempt, body: Buffer, failure?: Failure): LineResult | null {
  const { requestId } = spec;
  if (failure === undefined) return { kind: 'answered', requestId, status: 200, body };
  const { retry, fallback } = ruleOf(failure.code);
  const isCurableHere = failure.cure !== undefined && isCurable(target.route, failure.cure);
  if (retry || fallback || isCurableHere) return null;
  const encoded = origin.client.encodeFailure(failure, requestId);
  return { kind: 'answered', requestId, status: encoded.status, body: encoded.body };
}

function book({ chunk, spec, pricing }: LineAttempt, outcome: string, usage: Usage, state: LedgerState) {
  const step = spec.plan.steps[0]!;
  const { createdAtMs: startedAtMs } = chunk;
  const now = Date.now();
  const cost = pricing.costOf(usage);
  const { credential } = chunk;
  const facts = { spec, step, ...(credential !== null && { credential }), attempt: NATIVE_TRY, startedAtMs };
  const attempt = attemptEntry(facts, {
    state,
    outcome,
    usage,
    cost,
    firstByteMs: null,
    durationMs: now - startedAtMs,
  });
  const request = requestOutcome(spec, {
    outcome,
    answeredBy: outcome === 'ok' ? step : null,
    attempts: 1,
    cost: cost.cost,
    timeline: [{ kind: 'attempt', untilMs: now, provider: step.provider, attempt: NATIVE_TRY, outcome }],
    finishedAtMs: now,
  });
  return { message: { attempt, request }, cost: cost.cost, charge: picoOfCharge(request.chargeUnits) };
}
