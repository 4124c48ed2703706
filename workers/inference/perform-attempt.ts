// One attempt from permit to books: calls the vendor, settles what it cost, tells limiter and circuit what was learned,
// and decides what comes next. The ledger has the attempt open before the call (permit.lua) and closes it here.
import type { Deployment } from '#src/config/catalogue.ts';
import type { Failure } from '#src/contracts/failure.ts';
import { type FailureCode, ruleOf } from '#src/contracts/failure-table.ts';
import { attemptId } from '#src/contracts/ids.ts';
import { circuitOf } from '#src/contracts/route-plan.ts';
import { totalTokens, type Usage } from '#src/contracts/usage.ts';
import { attemptEntry, encodeMessage } from '#src/ledger/messages.ts';
import type { Permit, PermitRequest } from '#src/limits/limiter.ts';
import { isCurable, type PreparedCall } from '#src/protocols/prepare-call.ts';
import type { RateLimitHint } from '#src/protocols/protocol.ts';
import type { ProtocolRoute } from '#src/protocols/registry.ts';
import { advance } from '#src/routing/advance.ts';
import { hasNext } from '#src/routing/walk.ts';
import { type AttemptPricing, createAttemptPricing } from './attempt-pricing.ts';
import { type Delivery, type InferenceContext, type StepResult, spend } from './delivery.ts';
import { mayBeRescued } from './prepare-step.ts';
import { type AttemptOutcome, runAttempt } from './run-attempt.ts';

/** A call that waits for its permit only. */
export interface ReadyCall {
  route: ProtocolRoute;
  call: PreparedCall;
}

/** What the limiter needs to let this attempt through, with the entry that is written should nobody ever settle it. */
export function permitRequest(context: InferenceContext, delivery: Delivery, deployment: Deployment): PermitRequest {
  const { spec, step, writer } = delivery;
  const pricing = pricingOf(context, delivery, deployment);
  const usage = estimatedUsage(delivery);
  const facts = { spec, step, attempt: writer.attempt, startedAtMs: Date.now() };
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
    scopes: [deployment.provider.scope, deployment.scope, ...(spec.keyScope === null ? [] : [spec.keyScope])],
    acceptedAtMs: spec.acceptedAtMs,
    isBatch: spec.lane === 'batch',
    // As in the lines (src/limits/lines.ts), whatever this attempt adds to it.
    tokens: spec.estimatedInputTokens + spec.estimatedOutputTokens,
    unsettledEntry: encodeMessage({ attempt: unsettled }),
  };
}

export async function performAttempt(
  context: InferenceContext,
  delivery: Delivery,
  deployment: Deployment,
  { route, call }: ReadyCall,
  permit: Permit,
): Promise<StepResult> {
  const { spec, writer, cancellation } = delivery;
  const startedAtMs = Date.now();
  const pricing = pricingOf(context, delivery, deployment);
  delivery.isAttemptUsed = true;
  context.openPermits.set(permit.attemptId, permit);
  delivery.progress = { ...delivery.progress, calls: delivery.progress.calls + 1 };
  const outcome = await runAttempt(
    {
      attemptId: permit.attemptId,
      spec,
      deployment,
      request: call.request,
      client: delivery.client,
      vendor: route.vendor,
      translation: call.translation,
      context: {
        usageDelivery: spec.usageDelivery,
        choices: spec.choices,
        estimatedInputTokens: estimatedInputTokens(delivery),
        priceUsage: pricing.priceUsage,
      },
      writer,
      answerHeaders: answerHeaders(delivery, call, startedAtMs),
      hasEventIds: context.settings.hasEventIds,
      maxAnswerBytes: context.settings.maxAnswerBytes,
      holdBackTokens: context.settings.holdBackTokens,
      signal: cancellation,
      onBug: (error) => context.logger.error({ err: error, request_id: spec.requestId }, 'relay failed'),
    },
    context.upstream,
  ).finally(() => context.openPermits.delete(permit.attemptId));
  learn(context, delivery, deployment, outcome);
  return conclude(context, delivery, deployment, { route, permit, startedAtMs, outcome, pricing });
}

interface Conclusion {
  route: ProtocolRoute;
  permit: Permit;
  startedAtMs: number;
  outcome: AttemptOutcome;
  pricing: AttemptPricing;
}

/**
 * Order matters here: the client's last frame is in the log before the books call the request answered. A death in between
 * leaves them to close-late.ts; the other way round, another attempt would be made of a request that is over.
 */
async function conclude(
  context: InferenceContext,
  delivery: Delivery,
  deployment: Deployment,
  { route, permit, startedAtMs, outcome, pricing }: Conclusion,
): Promise<StepResult> {
  const { spec, step, writer } = delivery;
  const { failure, usage } = outcome;
  const cost = pricing.costOfAttempt(usage);
  delivery.progress = progressAfter(delivery, failure, cost);
  const spent = { attempt: writer.attempt, outcome: failure?.code ?? 'ok' };
  spend(delivery, { kind: 'attempt', provider: step.provider, ...spent });
  const result = failure === null ? ({ kind: 'answered' } as const) : nextStep(delivery, deployment, route, failure);
  if (result.kind === 'answered' && spec.isStream) writer.end('ok');

  const entry = attemptEntry(
    { spec, step, attempt: writer.attempt, startedAtMs },
    {
      state: usage.isEstimated ? 'estimated' : 'settled',
      outcome: failure?.code ?? 'ok',
      usage,
      cost,
      firstByteMs: outcome.firstByteMs,
      durationMs: outcome.durationMs,
    },
  );
  const tokens = usedTokens(failure, usage, estimatedInputTokens(delivery));
  const settle = (message: string) => context.limiter.settle(permit, { usedTokens: tokens, entry: message });
  if (result.kind === 'answered') await writer.settled();
  if (result.kind === 'answered' && !delivery.isLost) {
    const { progress } = delivery;
    await context.books.close(
      { spec, progress, failure: null, answeredBy: step, waitedAt: null, attempt: entry },
      settle,
    );
  } else await settle(encodeMessage({ attempt: entry }));
  context.metrics.attempt(entry);
  context.logger.info(
    {
      request_id: spec.requestId,
      attempt: writer.attempt,
      provider: step.provider,
      model: step.upstreamModel,
      outcome: entry.outcome,
      status: failure?.upstreamStatus,
      first_byte_ms: outcome.firstByteMs,
      duration_ms: outcome.durationMs,
      input_tokens: usage.inputTokens,
      output_tokens: usage.outputTokens,
      next: result.kind,
    },
    'attempt',
  );
  return result;
}

function progressAfter(delivery: Delivery, failure: Failure | null, cost: bigint) {
  const { progress } = delivery;
  const costPicoUsd = (BigInt(progress.costPicoUsd) + cost).toString();
  if (failure === null) return { ...progress, costPicoUsd };
  return {
    ...progress,
    costPicoUsd,
    failuresAtStep: progress.failuresAtStep + 1,
    failures: [...progress.failures, failure].slice(-MAX_REMEMBERED_FAILURES),
  };
}

/** Of these the most useful one is answered: more are never needed. */
const MAX_REMEMBERED_FAILURES = 8;

function nextStep(delivery: Delivery, deployment: Deployment, route: ProtocolRoute, failure: Failure): StepResult {
  const { spec, job, writer, progress, cancellation } = delivery;
  if (cancellation.failure !== null) return { kind: 'failed', failure: cancellation.failure };
  if (delivery.prefillTokens > 0 && failure.code === 'upstream_bad_request') {
    // What was refused is the broker's own wish, not the client's request.
    delivery.avoidsPrefill = true;
    return askAnew(delivery);
  }
  const { cure } = failure;
  if (cure !== undefined && !delivery.cures.has(cure) && isCurable(route, cure)) {
    delivery.cures.add(cure);
    return askAnew(delivery);
  }
  const next = advance(failure, {
    failuresAtStep: progress.failuresAtStep,
    maxRetries: deployment.provider.retries.max,
    backoff: deployment.provider.retries,
    hasNext: hasNext(spec.plan, job.step, progress),
    remainingMs: spec.deadlineAtMs - Date.now(),
    isIrrevocable: writer.hasAnswered && !mayBeRescued(delivery),
  });
  return next.kind === 'stop' ? { kind: 'failed', failure } : next;
}

/** In another form, as if the refused one had never been sent: it counts neither as a retry nor as what went wrong. */
function askAnew(delivery: Delivery): StepResult {
  const { failuresAtStep, failures } = delivery.progress;
  delivery.progress = {
    ...delivery.progress,
    failuresAtStep: failuresAtStep - 1,
    failures: failures.slice(0, -1),
  };
  return { kind: 'retry', waitMs: 0 };
}

/** Limits and health that every worker should know of. */
function learn(
  context: InferenceContext,
  { step }: Delivery,
  deployment: Deployment,
  { failure, rateLimits }: AttemptOutcome,
): void {
  const { limiter, circuits, logger } = context;
  const circuit = circuitOf(step);
  const blockMs = Math.max(failure?.retryAfterMs ?? 0, exhaustedForMs(rateLimits));
  if (blockMs > 0) {
    limiter
      .block(deployment.scope.name, Math.min(blockMs, MAX_BLOCK_MS))
      .catch((error) => logger.warn({ err: error }, 'block'));
  }
  if (failure === null) return circuits.reportSuccess(circuit);
  const { cooldown } = ruleOf(failure.code);
  if (cooldown === 'none') return circuits.reportUndecided(circuit);
  const kind = cooldown === 'open' ? 'refusal' : 'failure';
  circuits.reportFailure(circuit, deployment.provider.circuit, kind, failure.code);
}

/** A vendor may announce hours; it is asked again after this at the latest. */
const MAX_BLOCK_MS = 15 * 60_000;

/**
 * The vendor says that nothing is left. Its reset is the time until *everything* is back; with a continuous refill one
 * request is possible much earlier, after a minute's share of the limit.
 */
function exhaustedForMs(hint: RateLimitHint | null): number {
  if (hint === null) return 0;
  const requests = hint.remainingRequests === 0 ? shareMs(hint.resetRequestsMs, hint.limitRequests) : 0;
  const tokens = hint.remainingTokens === 0 ? shareMs(hint.resetTokensMs, undefined) : 0;
  return Math.max(requests, tokens);
}

const TOKEN_REFILL_MS = 1_000;

function shareMs(resetMs: number | undefined, limit: number | undefined): number {
  const oneMs = limit === undefined || limit === 0 ? TOKEN_REFILL_MS : 60_000 / limit;
  return Math.min(resetMs ?? oneMs, oneMs);
}

/** Failures before which the vendor cannot have counted anything. */
const NEVER_ARRIVED: ReadonlySet<FailureCode> = new Set(['upstream_unreachable', 'upstream_connect_timeout']);

/** What the vendor's own limiter has counted, as far as can be known: a failed call counts at least its prompt. */
function usedTokens(failure: Failure | null, usage: Usage, inputTokens: number): number {
  if (failure === null) return totalTokens(usage);
  return NEVER_ARRIVED.has(failure.code) ? 0 : Math.max(totalTokens(usage), inputTokens);
}

function pricingOf(context: InferenceContext, delivery: Delivery, deployment: Deployment): AttemptPricing {
  const earlier = BigInt(delivery.progress.costPicoUsd);
  return createAttemptPricing(context.catalogue, deployment, delivery.step.upstreamModel, earlier);
}

function estimatedInputTokens({ spec, prefillTokens }: Delivery): number {
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
  };
}

function answerHeaders(
  { spec, step, progress }: Delivery,
  { dropped }: PreparedCall,
  startedAtMs: number,
): Record<string, string> {
  return {
    'x-sluice-provider': step.provider,
    'x-sluice-attempts': String(progress.calls),
    'x-sluice-queue-ms': String(Math.max(0, startedAtMs - spec.acceptedAtMs)),
    ...(dropped.length === 0 ? {} : { 'x-sluice-dropped': dropped.map(headerSafe).join(', ') }),
  };
}

/** Names come from clients' bodies; a header takes visible ASCII only. */
function headerSafe(name: string): string {
  return name.replace(/[^\x21-\x2b\x2d-\x7e]/g, '?').slice(0, MAX_DROPPED_NAME);
}

const MAX_DROPPED_NAME = 100;
