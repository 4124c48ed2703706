// A queue job from claim to disposition. The request's record says who owns it; this file walks the steps:
//
//   claim ─▶ circuit and permit ─▶ attempt ─▶ answered
//              │ wait too long       │ failed: retry here, fall back (next step's queue), or say so
//              ▼                     ▼
//            park or fall back     …
import { createFailure, type Failure, mostUseful } from '#src/contracts/failure.ts';
import { type FailureCode, ruleOf } from '#src/contracts/failure-table.ts';
import { shardOf } from '#src/contracts/ids.ts';
import type { RequestJob } from '#src/contracts/job.ts';
import { encodeMessage } from '#src/ledger/messages.ts';
import type { DenialReason } from '#src/limits/limiter.ts';
import { clientProtocol, findProtocolRoute } from '#src/protocols/registry.ts';
import type { Disposition, ProcessJob } from '#src/queue/consumer.ts';
import type { Claim } from '#src/reply/request-store.ts';
import type { CircuitState } from '#src/routing/circuits.ts';
import type { Delivery, InferenceContext, StepResult } from './delivery.ts';
import { performAttempt, permitRequest, requestEnded, settleBudget } from './perform-attempt.ts';
import type { PermitOutcome } from './permit-desk.ts';

/** A permit that comes within this time is waited for in the slot; later ones are waited for in the queue. */
export const PATIENCE_MS = 2_000;
/** A live owner is asked about again after this; it finishes, or falls silent and is taken for dead. */
const OWNED_RECHECK_MS = 2_000;
/** A parked job comes back this much before its time: it must be in the line when its turn comes. */
const PARK_EARLY_MS = 500;
const PARK_MIN_MS = 100;
const PARK_MAX_MS = 30_000;

const COMPLETE: Disposition = { kind: 'complete' };

export function createJobProcessor(context: InferenceContext): ProcessJob {
  return async (job) => {
    // A lost lock makes BullMQ deliver the job again, possibly to this very process, while it is still being worked on.
    if (context.active.has(job.requestId)) return { kind: 'delay', delayMs: OWNED_RECHECK_MS };
    context.seenShards.add(shardOf(job.requestId));
    const cancellation = context.active.start(job.requestId);
    try {
      const claimed = await context.store.claim(
        job.requestId,
        job.step,
        context.workerId,
        context.settings.recordTtlMs,
      );
      switch (claimed.kind) {
        case 'claimed':
          return await deliver(context, openDelivery(context, job, claimed.claim, cancellation));
        case 'owned':
          return { kind: 'delay', delayMs: OWNED_RECHECK_MS };
        case 'moved': {
          const { spec, step } = claimed;
          await context.producer.enqueue(spec.plan.steps[step]!.provider, spec.lane, {
            requestId: spec.requestId,
            step,
          });
          return COMPLETE;
        }
        case 'done':
        case 'gone':
          return COMPLETE;
      }
    } finally {
      context.active.finish(job.requestId);
    }
  };
}

function openDelivery(
  context: InferenceContext,
  job: RequestJob,
  claim: Claim,
  cancellation: Delivery['cancellation'],
): Delivery {
  const { spec } = claim;
  const delivery: Delivery = {
    job,
    spec,
    body: claim.body,
    step: spec.plan.steps[job.step]!,
    client: clientProtocol(spec.protocol),
    writer: context.publisher.open({
      spec,
      grant: claim.grant,
      hasAnswered: claim.hasAnswered,
      retentionMs: context.settings.retentionMs,
      onRefused: (refusal) => {
        delivery.isLost = true;
        cancellation.abort(createFailure('stream_interrupted', `The worker lost the request (${refusal}).`));
      },
    }),
    cancellation,
    progress: claim.progress,
    isAttemptUsed: false,
    isLost: false,
  };
  if (claim.isCancelled) cancellation.abort(cancelled());
  else if (claim.hasAnswered) cancellation.abort(interrupted());
  return delivery;
}

async function deliver(context: InferenceContext, delivery: Delivery): Promise<Disposition> {
  for (;;) {
    const result = await takeStep(context, delivery);
    if (delivery.isLost) return COMPLETE;
    switch (result.kind) {
      case 'answered':
        await delivery.writer.settled();
        return COMPLETE;
      case 'failed':
        return end(context, delivery, result.failure);
      case 'fallback':
        return fallBack(context, delivery);
      case 'park':
        return park(context, delivery, result.waitMs);
      case 'retry':
        if (result.waitMs > PATIENCE_MS) return park(context, delivery, result.waitMs);
        await delivery.cancellation.sleep(result.waitMs);
        if (!(await beginNextAttempt(context, delivery))) return COMPLETE;
    }
  }
}

/** Tries the current step once: circuit, permit, call. */
async function takeStep(context: InferenceContext, delivery: Delivery): Promise<StepResult> {
  const { spec, step, cancellation, progress } = delivery;
  if (cancellation.failure !== null) return { kind: 'failed', failure: cancellation.failure };
  if (Date.now() >= spec.deadlineAtMs) return { kind: 'failed', failure: deadlinePassed(progress.calls) };
  const deployment = context.catalogue.deployments.get(step.deployment);
  const route = deployment && findProtocolRoute(spec.protocol, deployment.provider.protocols);
  if (!deployment || !route)
    return skipStep(delivery, 'no_deployment', `This worker does not know deployment '${step.deployment}'.`);

  const circuit = await context.circuits.check(deployment.id, hasAlternative(delivery));
  if (circuit.kind === 'open') return leaveCooling(delivery, circuit);
  const patienceMs = Math.min(PATIENCE_MS, spec.deadlineAtMs - Date.now());
  const line = `${deployment.id} ${spec.lane}`;
  const permit = await context.desk.acquire(
    line,
    permitRequest(context, delivery, deployment),
    patienceMs,
    cancellation,
  );
  if (permit.kind === 'granted') return performAttempt(context, delivery, deployment, route, permit.permit);
  if (permit.kind === 'stopped') return { kind: 'failed', failure: cancellation.failure! };
  context.metrics.limited(step.provider, permit.reason);
  return leaveFull(delivery, permit);
}

/** A held permit, and a turn behind one, end without notice: nobody can say when to come back, only that time is up. */
const UNFORESEEN: ReadonlySet<DenialReason> = new Set(['concurrency', 'turn']);

function leaveFull(delivery: Delivery, permit: Extract<PermitOutcome, { kind: 'too-long' }>): StepResult {
  const failure = fullFailure(permit);
  const result = waitOrLeave(delivery, permit.waitMs, failure);
  const isTimeUp = result.kind === 'failed' && failure.code === 'capacity_exhausted' && UNFORESEEN.has(permit.reason);
  return isTimeUp ? { kind: 'failed', failure: deadlinePassed(delivery.progress.calls) } : result;
}

/** Too long for a slot: another deployment if there is one, else the queue, else (past the deadline) the truth. */
function waitOrLeave(delivery: Delivery, waitMs: number, failure: Failure): StepResult {
  const { spec } = delivery;
  if (hasAlternative(delivery) && failure.code !== 'key_rate_limited') {
    delivery.progress = { ...delivery.progress, failures: [...delivery.progress.failures, failure] };
    return { kind: 'fallback' };
  }
  if (Date.now() + waitMs < spec.deadlineAtMs) return { kind: 'park', waitMs };
  return { kind: 'failed', failure };
}

/** What waiting cannot cure (a rejected key, an exhausted quota) is said at once; an outage is waited for. */
function leaveCooling(delivery: Delivery, { waitMs, code }: Extract<CircuitState, { kind: 'open' }>): StepResult {
  const { provider } = delivery.step;
  const isRefusal = ruleOf(code).cooldown === 'open';
  const message = isRefusal
    ? `Provider '${provider}' refused its credential or has no quota left (${code}); it is asked again in a while.`
    : `Provider '${provider}' is out of rotation after repeated failures (${code}).`;
  const failure = createFailure(isRefusal ? code : 'no_deployment', message, { retryAfterMs: waitMs, provider });
  if (isRefusal && !hasAlternative(delivery)) return { kind: 'failed', failure };
  return waitOrLeave(delivery, waitMs, failure);
}

function hasAlternative({ job, spec }: Delivery): boolean {
  return job.step + 1 < spec.plan.steps.length;
}

function skipStep(delivery: Delivery, code: FailureCode, message: string): StepResult {
  const failure = createFailure(code, message);
  if (!hasAlternative(delivery)) return { kind: 'failed', failure };
  delivery.progress = { ...delivery.progress, failures: [...delivery.progress.failures, failure] };
  return { kind: 'fallback' };
}

async function beginNextAttempt(context: InferenceContext, delivery: Delivery): Promise<boolean> {
  const { store, workerId, settings } = context;
  const grant = await store.continueClaim(delivery.spec.requestId, workerId, delivery.progress, settings.recordTtlMs);
  if (grant === null) return false;
  delivery.writer.beginAttempt(grant);
  delivery.isAttemptUsed = false;
  return true;
}

/** To the next step's queue. A crash between the two leaves the old job, whose claim then finds the step moved. */
async function fallBack(context: InferenceContext, delivery: Delivery): Promise<Disposition> {
  const { spec, job } = delivery;
  const step = job.step + 1;
  const isOurs = await release(context, delivery, step, { ...delivery.progress, failuresAtStep: 0 });
  if (isOurs)
    await context.producer.enqueue(spec.plan.steps[step]!.provider, spec.lane, { requestId: spec.requestId, step });
  context.metrics.fallback(delivery.step.provider, spec.plan.steps[step]!.provider);
  return COMPLETE;
}

async function park(context: InferenceContext, delivery: Delivery, waitMs: number): Promise<Disposition> {
  const isOurs = await release(context, delivery, delivery.job.step, delivery.progress);
  const delayMs = Math.min(PARK_MAX_MS, Math.max(PARK_MIN_MS, waitMs - PARK_EARLY_MS));
  return isOurs ? { kind: 'delay', delayMs } : COMPLETE;
}

async function release(
  context: InferenceContext,
  delivery: Delivery,
  toStep: number,
  progress: Delivery['progress'],
): Promise<boolean> {
  const { spec, job, writer, isAttemptUsed } = delivery;
  writer.abandon();
  const change = { fromStep: job.step, toStep, progress, isAttemptUnused: !isAttemptUsed };
  return context.store.release(spec.requestId, context.workerId, change);
}

/** Says the most useful of what went wrong, in the running stream if there is one, and closes the request's books. */
async function end(context: InferenceContext, delivery: Delivery, failure: Failure): Promise<Disposition> {
  if (failure.code === 'shutting_down' && !delivery.writer.hasAnswered) {
    const isOurs = await release(context, delivery, delivery.job.step, delivery.progress);
    return isOurs ? { kind: 'give-back' } : COMPLETE;
  }
  const { writer, client, spec, progress, cancellation } = delivery;
  const said = cancellation.failure ?? mostUseful([...progress.failures, failure]);
  if (writer.hasAnswered) {
    writer.event(client.encodeFailureEvent(said, spec.requestId));
    writer.end(said.code);
  } else writer.fail(said);
  const request = requestEnded(delivery, said.code);
  await Promise.all([
    context.ledger.append(encodeMessage({ request })),
    settleBudget(context, delivery, request.chargeUnits),
    writer.settled(),
  ]);
  return COMPLETE;
}

function cancelled(): Failure {
  return createFailure('request_cancelled', 'The client went away, or the request was cancelled.');
}

function interrupted(): Failure {
  return createFailure('stream_interrupted', 'The worker that streamed this answer died in the middle of it.');
}

function deadlinePassed(calls: number): Failure {
  return calls === 0
    ? createFailure('deadline_passed_waiting', 'The deadline passed while the request waited for its turn.')
    : createFailure('deadline_passed', 'The deadline passed between two attempts.');
}

function fullFailure({ scope, reason, waitMs }: Extract<PermitOutcome, { kind: 'too-long' }>): Failure {
  const isKey = scope.name.startsWith('key:');
  const whose = isKey ? 'This key' : `The ${scope.name.replace(':', ' ')}`;
  const message = `${whose} is at its limit (${reason}); a place is expected in ${Math.ceil(waitMs / 1000)} s.`;
  return createFailure(isKey ? 'key_rate_limited' : 'capacity_exhausted', message, { retryAfterMs: waitMs });
}
