// One attempt from permit to books: calls the provider, settles what it cost, tells limiter and circuit what was learned,
// and decides what comes next. The ledger has the attempt open before the call (permit.lua) and closes it here.
import type { Deployment } from '#src/config/catalogue.ts';
import type { Credential } from '#src/config/credentials.ts';
import type { Cure, Failure } from '#src/contracts/failure.ts';
import { isForgottenWhenDelivered, type TimelinePart } from '#src/contracts/request-record.ts';
import { traceFields } from '#src/contracts/trace-context.ts';
import { attemptEntry, encodeMessage } from '#src/ledger/books.ts';
import type { Permit } from '#src/limits/limiter.ts';
import { cureFor, type PreparedCall } from '#src/protocols/call/prepare-call.ts';
import { FILTERED } from '#src/protocols/providers/filtered-answer.ts';
import type { ProtocolRoute } from '#src/protocols/registry.ts';
import { advance, DEFAULT_WAIT_UP_TO_MS } from '#src/routing/advance.ts';
import { hasNext, takeDetour } from '#src/routing/walk.ts';
import { findCredential, isOfCredential, isRotated, leaveCredential, withCredential } from './credential-choice.ts';
import { type Delivery, type InferenceContext, insist, type StepResult, spend } from './delivery.ts';
import { learn, noteBegun } from './learn.ts';
import { type AttemptPricing, estimatedInputTokens, pricingOf, usedTokens } from './permit-request.ts';
import { cureSubject, mayBeRescued } from './prepare-step.ts';
import { type AttemptOutcome, runAttempt } from './run-attempt.ts';
import { noteLed } from './shared-prefix.ts';
import { type AttemptTrace, endAttempt, noteWaits, traceAttempt } from './trace-attempts.ts';

/** A call that waits for its permit only. */
export interface ReadyCall {
  route: ProtocolRoute;
  call: PreparedCall;
}

export async function performAttempt(
  context: InferenceContext,
  delivery: Delivery,
  deployment: Deployment,
  { route, call }: ReadyCall,
  permit: Permit,
): Promise<StepResult> {
  const { spec, job, writer, cancellation } = delivery;
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
        choices: spec.choices,
        estimatedInputTokens: estimatedInputTokens(delivery),
        requestedModel: spec.model,
        priceUsage: pricing.priceUsage,
      },
      writer,
      answerHeaders: answerHeaders(delivery, call, startedAtMs),
      hasEventIds: context.settings.hasEventIds,
      maxAnswerBytes: context.settings.maxAnswerBytes,
      holdBackTokens: context.settings.holdBackTokens,
      signal: cancellation,
      hasAlternative: hasNext(spec.plan, job.step, delivery.progress),
      leavesFiltered: !writer.hasAnswered && takeDetour(spec.plan, job.step, delivery.progress, FILTERED) !== null,
      onBegun: () => {
        noteBegun(context, delivery, startedAtMs);
        noteLed(context, delivery);
      },
      onBug: (error) => context.logger.error({ err: error, request_id: spec.requestId }, 'relay failed'),
    },
    context.upstream,
  ).finally(() => context.openPermits.delete(permit.attemptId));
  if (outcome.failure === null) noteLed(context, delivery);
  const wasRotated = await isRotated(delivery, credential, secret, outcome.failure);
  const cure = outcome.failure && cureFor(route, outcome.failure, delivery.cures);
  if (!wasRotated) learn(context, delivery, deployment, { permit, credential, outcome, isCurable: cure !== null });
  rememberCures(context, delivery, route, outcome.failure);
  return conclude(context, delivery, deployment, {
    permit,
    credential,
    wasRotated,
    cure,
    startedAtMs,
    outcome,
    pricing,
    trace,
    before,
  });
}

/** A cure counts as found when the provider has taken what it made of the request. */
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

interface Conclusion {
  permit: Permit;
  credential: Credential | null;
  /** It was refused with a secret that has been replaced meanwhile. */
  wasRotated: boolean;
  /** The form in which a refused request is sent next; null where there is none. */
  cure: Cure | null;
  startedAtMs: number;
  outcome: AttemptOutcome;
  pricing: AttemptPricing;
  trace: AttemptTrace | null;
  /** When it was called: what the client had of the answer. */
  before: { frames: number; isRescue: boolean };
}

/**
 * Order matters here: the client's last frame is in the log before the books call the request answered, and a death in
 * between leaves them to process-job.ts. Where no record would be left for that, both go in the same turn of the event
 * loop: a death in between costs another call, and no outcome.
 */
async function conclude(
  context: InferenceContext,
  delivery: Delivery,
  deployment: Deployment,
  conclusion: Conclusion,
): Promise<StepResult> {
  const { permit, credential, startedAtMs, outcome, pricing, trace } = conclusion;
  const { spec, step, writer } = delivery;
  const { failure, usage } = outcome;
  const cost = pricing.costOfAttempt(usage);
  delivery.progress = progressAfter(delivery, failure, cost.cost);
  const spent = { attempt: writer.attempt, outcome: failure?.code ?? 'ok', ...streamOf(delivery, conclusion) };
  spend(delivery, { kind: 'attempt', provider: step.provider, ...spent });
  const result: StepResult =
    failure === null
      ? { kind: 'answered', closing: null }
      : nextStep(context, delivery, deployment, conclusion, failure);
  if (result.kind === 'answered' && spec.isStream) writer.end('ok');

  const entry = attemptEntry(
    { spec, step, ...(credential && { credential: credential.name }), attempt: writer.attempt, startedAtMs },
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
  const settlement = (message: string) => ({ ...tokens, entry: message });
  // What was paid for is written, however long Redis takes nothing.
  if (result.kind === 'answered' && !isForgottenWhenDelivered(spec)) await writer.settled();
  if (result.kind === 'answered' && !delivery.isLost) {
    const { progress } = delivery;
    const ending = { spec, progress, failure: null, answeredBy: step, waitedAt: null, attempt: entry };
    const append = async (message: string) => {
      result.closing = context.limiter.settleCall(permit, settlement(message));
    };
    await insist(context, () => context.books.close(ending, append));
  } else {
    const message = encodeMessage({ attempt: entry });
    await insist(context, () => context.limiter.settle(permit, settlement(message)));
  }
  context.metrics.attempt(entry);
  noteWaits(context, delivery);
  endAttempt(trace, entry, outcome.firstTokenMs, result.kind);
  context.logger.info(
    {
      request_id: spec.requestId,
      attempt: writer.attempt,
      provider: step.provider,
      ...(credential && { credential: credential.name }),
      model: step.upstreamModel,
      outcome: entry.outcome,
      status: failure?.upstreamStatus,
      first_byte_ms: outcome.firstByteMs,
      duration_ms: outcome.durationMs,
      input_tokens: usage.inputTokens,
      output_tokens: usage.outputTokens,
      ...entry.details,
      next: result.kind,
      ...traceFields(trace?.span.context),
    },
    'attempt',
  );
  return result;
}

/** What the timeline says of a streamed attempt. The last frame of an answer is made right after it. */
function streamOf(
  { spec, writer, prefillTokens }: Delivery,
  { outcome: { samples, failure }, before }: Conclusion,
): Pick<TimelinePart, 'tokens' | 'frames' | 'rescue'> {
  if (!spec.isStream) return {};
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

function nextStep(
  context: InferenceContext,
  delivery: Delivery,
  deployment: Deployment,
  { credential, wasRotated, cure }: Conclusion,
  failure: Failure,
): StepResult {
  const { spec, job, writer, progress, cancellation } = delivery;
  if (cancellation.failure !== null) return { kind: 'failed', failure: cancellation.failure };
  if (wasRotated) return askAnew(delivery);
  if (isOfCredential(credential, failure) && leaveCredential(context, delivery, deployment.provider, credential)) {
    return askAnew(delivery);
  }
  if (delivery.prefillTokens > 0 && failure.code === 'upstream_bad_request') {
    // What was refused is the broker's own wish, not the client's request.
    delivery.avoidsPrefill = true;
    return askAnew(delivery);
  }
  if (cure !== null) {
    delivery.cures.add(cure);
    return askAnew(delivery);
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

/** In another form or with another credential, as if the refused one had never been sent: it counts neither as a retry nor as what went wrong. */
function askAnew(delivery: Delivery): StepResult {
  const { failuresAtStep, failures } = delivery.progress;
  delivery.progress = {
    ...delivery.progress,
    failuresAtStep: failuresAtStep - 1,
    failures: failures.slice(0, -1),
  };
  return { kind: 'retry', waitMs: 0 };
}

// Headers that say how an answer came about.

export function answerHeaders(
  { spec, step, progress }: Delivery,
  { dropped }: PreparedCall,
  startedAtMs: number,
): Record<string, string> {
  return {
    'x-sluice-provider': step.provider,
    'x-sluice-model': headerSafe(step.upstreamModel),
    'x-sluice-attempts': String(progress.calls),
    'x-sluice-queue-ms': String(Math.max(0, startedAtMs - spec.acceptedAtMs)),
    ...(dropped.length === 0 ? {} : { 'x-sluice-dropped': listDropped(dropped) }),
  };
}

/** Proxies refuse an answer whose headers have more than 4 to 8 KiB, and the names are of the client's own making. */
const MAX_DROPPED_CHARS = 1_000;
const MAX_NAME_CHARS = 100;

/** As many names as there is room for, and how many more there are. */
export function listDropped(names: readonly string[]): string {
  let list = '';
  for (const [index, name] of names.entries()) {
    const next = (index === 0 ? '' : ', ') + headerSafe(name);
    if (list.length + next.length > MAX_DROPPED_CHARS) return `${list}, and ${names.length - index} more`;
    list += next;
  }
  return list;
}

/** Names come from clients' bodies; a header takes visible ASCII only. */
function headerSafe(name: string): string {
  return name.replace(/[^\x21-\x2b\x2d-\x7e]/g, '?').slice(0, MAX_NAME_CHARS);
}
