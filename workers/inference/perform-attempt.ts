// One attempt from permit to books: calls the provider, settles the cost, reports the result to limiter and circuit, and decides
// the next step. The ledger has the attempt open before the call (permit.lua); it is closed here.
import type { Deployment } from '#src/config/catalogue.ts';
import type { Credential } from '#src/config/credentials.ts';
import type { Cure, Failure } from '#src/contracts/failure.ts';
import type { LedgerEntry } from '#src/contracts/ledger-entry.ts';
import type { PicoUsd } from '#src/contracts/money.ts';
import { isForgottenWhenDelivered, type TimelinePart } from '#src/contracts/request-record.ts';
import { traceFields } from '#src/contracts/trace-context.ts';
import { attemptEntry, encodeMessage } from '#src/ledger/books.ts';
import type { Permit } from '#src/limits/limiter.ts';
import { cureFor, type PreparedCall } from '#src/protocols/call/prepare-call.ts';
import { FILTERED } from '#src/protocols/providers/filtered-answer.ts';
import type { ProtocolRoute } from '#src/protocols/registry.ts';
import type { ReplyWriter } from '#src/reply/publisher.ts';
import { advance, DEFAULT_WAIT_UP_TO_MS } from '#src/routing/advance.ts';
import { hasNext, takeDetour } from '#src/routing/walk.ts';
import { answerHeaders } from './answer-headers.ts';
import { findCredential, isOfCredential, isRotated, leaveCredential, withCredential } from './credential-choice.ts';
import { type Delivery, type InferenceContext, insist, type StepResult, spend } from './delivery.ts';
import { learn, noteBegun } from './learn.ts';
import { type AttemptPricing, estimatedInputTokens, pricingOf, usedTokens } from './permit-request.ts';
import { cureSubject, mayBeRescued } from './prepare-step.ts';
import { type AttemptOutcome, type AttemptSignal, runAttempt } from './run-attempt.ts';
import { noteLed } from './shared-prefix.ts';
import { type AttemptTrace, endAttempt, noteWaits, traceAttempt } from './trace-attempts.ts';
import type { Upstream } from './upstream.ts';

/** A call that only needs a permit. */
export interface ReadyCall {
  route: ProtocolRoute;
  call: PreparedCall;
}

export async function performAttempt(
  context: InferenceContext,
  delivery: Delivery,
  deployment: Deployment,
  ready: ReadyCall,
  permit: Permit,
): Promise<StepResult> {
  const { writer, cancellation: signal } = delivery;
  const ended = await callProvider(context, delivery, ready, permit, {
    deployment,
    writer,
    signal,
    upstream: context.upstream,
  });
  return conclude(context, delivery, ended);
}

/** The parts that a call is made with. */
export interface CallParts {
  deployment: Deployment;
  writer: ReplyWriter;
  signal: AttemptSignal;
  upstream: Upstream;
  onBegun?: () => void;
  /** Cost of a concurrent attempt, or what it would cost if it ended now. */
  costBeside?: () => PicoUsd;
}

/** Makes the call and reports what it has shown; the caller writes its books. */
export async function callProvider(
  context: InferenceContext,
  delivery: Delivery,
  { route, call }: ReadyCall,
  permit: Permit,
  { deployment, writer, signal, upstream, onBegun, costBeside }: CallParts,
): Promise<EndedCall> {
  const { spec, job } = delivery;
  const startedAtMs = Date.now();
  const pricing = pricingOf(context, delivery, deployment);
  const credential = findCredential(deployment.provider, permit.credential);
  const secret = credential?.secret() ?? null;
  delivery.isAttemptUsed = true;
  context.openPermits.set(permit.attemptId, permit);
  delivery.progress = { ...delivery.progress, calls: delivery.progress.calls + 1 };
  const trace = traceAttempt(context.tracing, delivery, deployment);
  const before = { frames: writer.frames, isRescue: writer.hasAnswered };
  const request = withCredential(call.request, route, deployment.provider, secret);
  const outcome = await runAttempt(
    {
      attemptId: permit.attemptId,
      spec,
      deployment,
      request: trace?.upstream(request) ?? request,
      client: delivery.client,
      upstream: route.upstream,
      translation: call.translation,
      context: {
        usageDelivery: spec.usageDelivery,
        hasRunningUsage: spec.hasRunningUsage === true,
        choices: spec.choices,
        estimatedInputTokens: estimatedInputTokens(delivery),
        requestedModel: spec.model,
        priceUsage: (usage) => pricing.priceUsage(usage, costBeside?.()),
      },
      writer,
      answerHeaders: () => answerHeaders(delivery, call, startedAtMs),
      hasEventIds: context.settings.hasEventIds,
      maxAnswerBytes: context.settings.maxAnswerBytes,
      holdBackTokens: context.settings.holdBackTokens,
      signal,
      hasAlternative: hasNext(spec.plan, job.step, delivery.progress),
      leavesFiltered: !writer.hasAnswered && takeDetour(spec.plan, job.step, delivery.progress, FILTERED) !== null,
      onBegun: () => {
        onBegun?.();
        noteBegun(context, delivery, startedAtMs);
        noteLed(context, delivery);
      },
      onBug: (error) => context.logger.error({ err: error, request_id: spec.requestId }, 'relay failed'),
    },
    upstream,
  ).finally(() => context.openPermits.delete(permit.attemptId));
  if (outcome.failure === null) noteLed(context, delivery);
  const wasRotated = await isRotated(delivery, credential, secret, outcome.failure);
  const cure = outcome.failure && cureFor(route, outcome.failure, delivery.cures);
  if (!wasRotated) learn(context, delivery, deployment, { permit, credential, outcome, isCurable: cure !== null });
  rememberCures(context, delivery, route, outcome.failure);
  return { deployment, permit, credential, wasRotated, cure, startedAtMs, outcome, pricing, trace, before };
}

/** A cure counts as found when the provider has accepted the changed request. */
function rememberCures(
  { knownCures }: InferenceContext,
  delivery: Delivery,
  route: ProtocolRoute,
  failure: Failure | null,
): void {
  if (delivery.cures.size === 0) return;
  if (failure === null) knownCures.learn(cureSubject(delivery, route), delivery.cures);
  else if (failure.code === 'upstream_bad_request') knownCures.forget(cureSubject(delivery, route));
}

/** A call that has ended and is not in the books yet. */
export interface EndedCall {
  deployment: Deployment;
  permit: Permit;
  credential: Credential | null;
  /** Refused with a secret that has been replaced meanwhile. */
  wasRotated: boolean;
  /** The form in which a refused request is sent next; null if there is none. */
  cure: Cure | null;
  startedAtMs: number;
  outcome: AttemptOutcome;
  pricing: AttemptPricing;
  trace: AttemptTrace | null;
  /** What the client had of the answer before the call. */
  before: { frames: number; isRescue: boolean };
}

/** Adds the call's time and cost to the request's progress, synchronously; returns its ledger entry. */
export function noteEnded(delivery: Delivery, ended: EndedCall): LedgerEntry {
  const { credential, startedAtMs, outcome, pricing } = ended;
  const { spec, step, writer, beside } = delivery;
  const { failure, usage } = outcome;
  const cost = pricing.costOfAttempt(usage);
  delivery.progress = progressAfter(delivery, failure, cost.cost);
  const isHedge = beside?.isHedge === true;
  const part: Omit<TimelinePart, 'untilMs'> = {
    kind: 'attempt',
    provider: step.provider,
    attempt: writer.attempt,
    outcome: failure?.code ?? 'ok',
  };
  if (spec.isStream) Object.assign(part, streamOf(delivery, ended));
  if (beside !== undefined) part.sinceMs = startedAtMs;
  if (isHedge) part.isHedge = true;
  spend(delivery, part);
  return attemptEntry(
    { spec, step, credential: credential?.name, attempt: writer.attempt, startedAtMs, isHedge },
    {
      state: usage.isEstimated ? 'estimated' : 'settled',
      outcome: failure?.code ?? 'ok',
      usage,
      cost,
      firstByteMs: outcome.firstByteMs,
      durationMs: outcome.durationMs,
    },
  );
}

/** Settles an attempt after which the request continues: returns its permit and writes its ledger entry. */
export function settleEnded(
  context: InferenceContext,
  delivery: Delivery,
  { permit, outcome }: EndedCall,
  entry: LedgerEntry,
): Promise<void> {
  const tokens = usedTokens(outcome.failure, outcome.usage, estimatedInputTokens(delivery));
  const message = encodeMessage({ attempt: entry });
  return insist(context, () => context.limiter.settle(permit, { ...tokens, entry: message }));
}

/**
 * Order matters here: the client's last frame must be in the log before the books record the request as answered; if the process
 * dies in between, process-job.ts closes the books. If no record would be left for that, both are sent in the same turn of the
 * event loop: a crash in between costs another call, but loses no outcome.
 * @param decide chooses the next step after a failure.
 */
export async function conclude(
  context: InferenceContext,
  delivery: Delivery,
  ended: EndedCall,
  decide: (failure: Failure) => StepResult = (failure) => nextStep(context, delivery, ended, failure),
): Promise<StepResult> {
  const { permit, outcome } = ended;
  const { spec, step, writer } = delivery;
  const { failure, usage } = outcome;
  const entry = noteEnded(delivery, ended);
  const result: StepResult = failure === null ? { kind: 'answered', closing: null } : decide(failure);
  if (result.kind === 'answered' && spec.isStream) writer.end('ok');

  // A billed attempt must be written, however long Redis refuses writes.
  if (result.kind === 'answered' && !isForgottenWhenDelivered(spec)) await writer.settled();
  if (result.kind === 'answered' && !delivery.isLost) {
    const { progress } = delivery;
    const tokens = usedTokens(failure, usage, estimatedInputTokens(delivery));
    const ending = { spec, progress, failure: null, answeredBy: step, waitedAt: null, attempt: entry };
    const append = async (message: string) => {
      result.closing = context.limiter.settleCall(permit, { ...tokens, entry: message });
    };
    await insist(context, () => context.books.close(ending, append));
    if (spec.plan.hedge !== undefined) context.hedges.noteAnswer(spec.plan.hedge.pool, BigInt(entry.costPicoUsd));
  } else await settleEnded(context, delivery, ended, entry);
  report(context, delivery, ended, entry, result.kind);
  return result;
}

/** @param next what follows for the request. */
export function report(
  context: InferenceContext,
  delivery: Delivery,
  { credential, outcome, trace }: EndedCall,
  entry: LedgerEntry,
  next: string,
): void {
  const { spec, step, writer } = delivery;
  context.metrics.attempt(entry);
  noteWaits(context, delivery);
  endAttempt(trace, entry, outcome.firstTokenMs, next);
  const record: Record<string, unknown> = {
    request_id: spec.requestId,
    attempt: writer.attempt,
    provider: step.provider,
    credential: credential?.name,
    model: step.upstreamModel,
    outcome: entry.outcome,
    status: outcome.failure?.upstreamStatus,
    first_byte_ms: outcome.firstByteMs,
    duration_ms: outcome.durationMs,
    input_tokens: entry.inputTokens,
    output_tokens: entry.outputTokens,
    next,
  };
  if (entry.details !== undefined) Object.assign(record, entry.details);
  if (trace !== null) Object.assign(record, traceFields(trace.span.context));
  context.logger.info(record, 'attempt');
}

/** Timeline fields of a streamed attempt. The last frame of an answer, made right afterwards, is counted too. */
function streamOf(
  { writer, prefillTokens }: Delivery,
  { outcome: { samples, failure }, before }: EndedCall,
): Pick<TimelinePart, 'tokens' | 'frames' | 'rescue'> {
  const frames = writer.frames - before.frames + (failure === null ? 1 : 0);
  return {
    ...(samples.length === 0 ? {} : { tokens: samples }),
    ...(frames === 0 ? {} : { frames }),
    ...(before.isRescue ? { rescue: prefillTokens > 0 ? 'continued' : 'repeated' } : {}),
  };
}

function progressAfter(delivery: Delivery, failure: Failure | null, cost: bigint) {
  const { progress } = delivery;
  const costPicoUsd = (BigInt(progress.costPicoUsd) + cost).toString();
  if (failure === null || failure.code === 'hedge_lost') return { ...progress, costPicoUsd };
  return {
    ...progress,
    costPicoUsd,
    failuresAtStep: progress.failuresAtStep + (delivery.beside?.isHedge ? 0 : 1),
    failures: [...progress.failures, failure].slice(-MAX_REMEMBERED_FAILURES),
  };
}

/** The most useful of these is the one answered to the client; more are never needed. */
const MAX_REMEMBERED_FAILURES = 8;

export function nextStep(
  context: InferenceContext,
  delivery: Delivery,
  { deployment, credential, wasRotated, cure }: EndedCall,
  failure: Failure,
): StepResult {
  const { spec, job, writer, progress, cancellation } = delivery;
  if (cancellation.failure !== null) return { kind: 'failed', failure: cancellation.failure };
  if (wasRotated) return askAnew(delivery, failure);
  if (isOfCredential(credential, failure) && leaveCredential(context, delivery, deployment.provider, credential)) {
    return askAnew(delivery, failure);
  }
  if (delivery.prefillTokens > 0 && failure.code === 'upstream_bad_request') {
    // The refused part was added by Sluice, not by the client.
    delivery.avoidsPrefill = true;
    return askAnew(delivery, failure);
  }
  if (cure !== null) {
    delivery.cures.add(cure);
    return askAnew(delivery, failure);
  }
  const detour = writer.hasAnswered ? null : takeDetour(spec.plan, job.step, progress, failure);
  if (detour !== null) {
    delivery.progress = detour;
    return { kind: 'fallback' };
  }
  const next = advance(failure, {
    failuresAtStep: progress.failuresAtStep,
    maxRetries: deployment.provider.retries.max,
    backoff: deployment.provider.retries,
    hasNext: hasNext(spec.plan, job.step, progress),
    waitUpToMs: spec.plan.waitUpToMs ?? DEFAULT_WAIT_UP_TO_MS,
    remainingMs: spec.deadlineAtMs - Date.now(),
    isIrrevocable: writer.hasAnswered && !mayBeRescued(delivery),
  });
  return next.kind === 'stop' ? { kind: 'failed', failure } : next;
}

/**
 * Sends the request in another form or with another credential, as if the refused one had never been sent: it counts neither as
 * a retry nor as a failure.
 */
function askAnew(delivery: Delivery, refused: Failure): StepResult {
  const { failuresAtStep, failures } = delivery.progress;
  delivery.progress = {
    ...delivery.progress,
    failuresAtStep: failuresAtStep - 1,
    // Not simply the last one: a parallel attempt may have failed since.
    failures: failures.filter((one) => one !== refused),
  };
  return { kind: 'retry', waitMs: 0 };
}
