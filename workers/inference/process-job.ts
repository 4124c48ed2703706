// A queue job from claim to disposition. The request's record names the owner; this file walks the steps of its plan:
//
//   claim ─▶ step (take-step.ts) ─▶ answered
//              │ full or out of rotation     │ failed: retry here, fall back (another provider's queue), or fail
//              ▼                             ▼
//            park, or fall back            let-go.ts
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import { attemptId, shardOf } from '#src/contracts/ids.ts';
import type { RequestJob } from '#src/contracts/job.ts';
import { spendTime } from '#src/contracts/timeline.ts';
import type { GrantedPermit } from '#src/limits/permit-terms.ts';
import { clientProtocol } from '#src/protocols/registry.ts';
import type { Disposition, ProcessJob } from '#src/queue/consumer.ts';
import { type Claim, type ClaimReply, type ClaimResult, readClaim } from '#src/reply/claim.ts';
import { stepAt } from '#src/routing/walk.ts';
import { inSequence, type ScriptCall } from '#src/storage/lua-script.ts';
import { isRedisTrouble } from '#src/storage/redis-trouble.ts';
import { closeLate, withLostCalls } from './dead-workers.ts';
import { type Delivery, type InferenceContext, insist, newCallForm, spend } from './delivery.ts';
import {
  COMPLETE,
  endRequest,
  fallBack,
  followMove,
  giveBack,
  LOST,
  leaveToNewer,
  lose,
  OWNED_RECHECK_MS,
  park,
} from './let-go.ts';
import { grantedPermit } from './permit-request.ts';
import { brokenOff, mayBeRescued } from './prepare-step.ts';
import { leaveLead } from './shared-prefix.ts';
import { PATIENCE_MS, takeStep } from './take-step.ts';

/**
 * A request that moved to another provider's queue may be taken from there by this same process before the call that queued it
 * has returned: the delivery that moved it ends within milliseconds. Otherwise the job has lost its lock, and was delivered again
 * while it is still being processed.
 */
const LETTING_GO_MS = 250;

export function createJobProcessor(context: InferenceContext): ProcessJob {
  return async (job, taken) => {
    if (context.active.has(job.requestId) && !(await context.active.whenFree(job.requestId, LETTING_GO_MS)))
      return { kind: 'delay', delayMs: OWNED_RECHECK_MS };
    context.seenShards.add(shardOf(job.requestId));
    const cancellation = context.active.start(job.requestId);
    const finish = () => context.active.finish(job.requestId);
    let isClosing = false;
    try {
      const disposition = await processActive(context, job, taken, cancellation);
      // Until its books are closed: if its lease has expired, this process may get it again meanwhile, and must not call again.
      isClosing = disposition.kind === 'complete' && disposition.closing !== undefined;
      return isClosing ? { ...disposition, onOver: finish } : disposition;
    } finally {
      if (!isClosing) finish();
    }
  };
}

async function processActive(
  context: InferenceContext,
  job: RequestJob,
  taken: unknown,
  cancellation: Delivery['cancellation'],
): Promise<Disposition> {
  const { store, workerId, settings } = context;
  if (isHandedOver(taken)) {
    return deliverGuarded(context, openDelivery(context, job, taken.claim, cancellation, taken.permit));
  }
  const claimed =
    taken === null
      ? await store.claim(job.requestId, job.step, workerId, settings.recordTtlMs)
      : readClaim(taken as ClaimReply);
  if (claimed.kind !== 'claimed') return withoutClaim(context, job, claimed);
  const claim = await withLostCalls(context, claimed.claim);
  return deliverGuarded(context, openDelivery(context, job, claim, cancellation, null));
}

/** A job whose request is not this worker's to process. */
function withoutClaim(
  context: InferenceContext,
  job: RequestJob,
  claimed: Exclude<ClaimResult, { kind: 'claimed' }>,
): Disposition | Promise<Disposition> {
  switch (claimed.kind) {
    case 'owned':
      // The owner will finish, or has just died.
      return { kind: 'delay', delayMs: OWNED_RECHECK_MS };
    case 'moved':
      return followMove(context, claimed);
    case 'newer':
      return leaveToNewer(context, job, claimed.version);
    case 'done':
      return closeLate(context, job, claimed);
    case 'closed':
    case 'gone':
      return COMPLETE;
  }
}

/** A request that arrived with its claim, and perhaps its permit, from the step that accepted it. */
export interface HandedOver {
  claim: Claim;
  permit: GrantedPermit | null;
}

function isHandedOver(taken: unknown): taken is HandedOver {
  return taken !== null && !Array.isArray(taken);
}

function openDelivery(
  context: InferenceContext,
  job: RequestJob,
  claim: Claim,
  cancellation: Delivery['cancellation'],
  granted: GrantedPermit | null,
): Delivery {
  const { spec } = claim;
  const delivery: Delivery = {
    job,
    spec,
    body: claim.body ?? NOT_READ,
    step: stepAt(spec.plan, job.step, claim.progress),
    client: clientProtocol(spec.protocol),
    writer: context.publisher.open({
      spec,
      grant: claim.grant,
      hasAnswered: claim.hasAnswered,
      retentionMs: spec.retentionMs,
      keepsBody: spec.response !== undefined,
      onRefused: (refusal) => {
        delivery.isLost = true;
        cancellation.abort(createFailure('stream_interrupted', `The worker lost the request (${refusal}).`));
      },
    }),
    cancellation,
    progress: progressAtClaim(claim),
    isAttemptUsed: false,
    ...newCallForm(),
    granted,
    isLost: false,
  };
  if (claim.isCancelled) cancellation.abort(cancelled());
  else if (claim.hasAnswered && !mayBeRescued(delivery)) cancellation.abort(brokenOff(delivery));
  return delivery;
}

/** Adds the wait since the last delivery; at the first delivery also why the plan does not begin at its usual step. */
function progressAtClaim({ spec, progress }: Claim): Delivery['progress'] {
  const untilMs = Date.now();
  const waited = spendTime(progress, { ...(progress.waitsFor ?? { kind: 'queue' }), untilMs });
  const { putBack } = spec.plan;
  if (putBack === undefined || progress.timeline.length > 0) return waited;
  const skipped = putBack.map(({ provider, why }) => ({ kind: 'skip' as const, provider, reason: why, untilMs }));
  return skipped.reduce(spendTime, waited);
}

/** A bug ends the request immediately as an internal failure; after an error of Redis the request goes back to its queue. */
async function deliverGuarded(context: InferenceContext, delivery: Delivery): Promise<Disposition> {
  try {
    return await deliver(context, delivery);
  } catch (error) {
    if (isRedisTrouble(error as Error)) {
      context.onTrouble(error as Error);
      return delivery.isLost ? await lose(context, delivery) : await giveBack(context, delivery);
    }
    const { requestId } = delivery.spec;
    context.logger.error({ err: error, request_id: requestId }, 'request ended because of a bug');
    const message = 'Internal error in Sluice. The log has details under this request id.';
    return await endRequest(context, delivery, createFailure('internal', message));
  } finally {
    // A delivery that lost its request or Redis has not ended its writer: release its announcer in any case.
    delivery.writer.abandon();
    await returnGranted(context, delivery);
  }
}

const NOT_READ = Buffer.alloc(0);

/** Redis has evicted it. */
async function withoutBody(context: InferenceContext, delivery: Delivery): Promise<Disposition> {
  // Cancelled and forgotten since.
  if (await context.replyLog.isGone(delivery.spec.requestId)) return COMPLETE;
  const message = 'The body of the request is no longer in Redis, so it cannot be sent to a provider.';
  return endRequest(context, delivery, createFailure('worker_lost', message));
}

async function deliver(context: InferenceContext, delivery: Delivery): Promise<Disposition> {
  if (delivery.body === NOT_READ) {
    const body = await context.store.readBody(delivery.spec.requestId);
    if (body === null) return withoutBody(context, delivery);
    delivery.body = body;
  }
  for (;;) {
    const result = await takeStep(context, delivery);
    leaveLead(context, delivery);
    await returnGranted(context, delivery);
    // An answer has its outcome, and its budget is settled: it is written in any case.
    if (delivery.isLost && !(result.kind === 'answered' && result.closing !== null)) return lose(context, delivery);
    switch (result.kind) {
      case 'answered':
        return completeAnswered(delivery, result.closing);
      case 'failed':
        return endRequest(context, delivery, result.failure);
      case 'fallback':
        return fallBack(context, delivery);
      case 'park':
        return park(context, delivery, result);
      case 'retry':
        if (result.waitMs > PATIENCE_MS) {
          const waitsFor = { kind: 'backoff', provider: delivery.step.provider } as const;
          return park(context, delivery, { waitMs: result.waitMs, waitsFor });
        }
        await delivery.cancellation.sleep(result.waitMs);
        spend(delivery, { kind: 'backoff', provider: delivery.step.provider });
        if (!(await beginNextAttempt(context, delivery))) return lose(context, delivery);
    }
  }
}

/** Returns a permit that came with the request if its call was not made. */
async function returnGranted(context: InferenceContext, delivery: Delivery): Promise<void> {
  const { granted, spec, step } = delivery;
  if (granted === null) return;
  delivery.granted = null;
  const deployment = context.catalogue.deployments.get(step.deployment);
  if (deployment === undefined) return context.limiter.forget(attemptId(spec.requestId, 1)).catch(context.onTrouble);
  const { permit } = grantedPermit(context, delivery, deployment, granted);
  await insist(context, () => context.limiter.settle(permit, { usedTokens: 0, entry: null }));
}

/** The client's last frame is sent first: in the same step if possible, else at the end of this turn of the event loop. */
async function completeAnswered({ isLost, writer }: Delivery, closing: ScriptCall | null): Promise<Disposition> {
  if (closing === null) return isLost ? LOST : COMPLETE;
  const whole = writer.takeWhole();
  if (whole !== null) {
    const onClosed = (replies: unknown) => whole.published((replies as unknown[])[0]);
    return { kind: 'complete', closing: inSequence(whole.call, closing), onClosed };
  }
  await new Promise((resolve) => setImmediate(resolve));
  return { kind: 'complete', closing };
}

async function beginNextAttempt(context: InferenceContext, delivery: Delivery): Promise<boolean> {
  const { store, workerId, settings } = context;
  // The next attempt's fence would refuse frames that are still in flight.
  await delivery.writer.settled();
  const grant = await store.continueClaim(delivery.spec.requestId, workerId, delivery.progress, settings.recordTtlMs);
  if (grant === null) return false;
  delivery.writer.beginAttempt(grant);
  delivery.isAttemptUsed = false;
  return true;
}

function cancelled(): Failure {
  return createFailure('request_cancelled', 'The client disconnected, or the request was cancelled.');
}

// A job that BullMQ gives up: the workers that had it died one after the other, or a bug made its processing fail. The client
// must still be notified. The job is removed from its queue only afterwards: a crash in between repeats all of this.

export function createAbandonedHandler(context: InferenceContext) {
  return async (job: RequestJob, error: Error): Promise<Disposition> => {
    // This process may still be working on it, with a lock that it has lost.
    if (context.active.has(job.requestId)) return { kind: 'delay', delayMs: OWNED_RECHECK_MS };
    const { store, workerId, settings } = context;
    const claimed = await store.claim(job.requestId, job.step, workerId, settings.recordTtlMs);
    if (claimed.kind !== 'claimed') return withoutClaim(context, job, claimed);
    context.logger.error({ err: error, request_id: job.requestId }, 'job abandoned');
    await sayLost(context, job, await withLostCalls(context, claimed.claim));
    return COMPLETE;
  };
}

async function sayLost(context: InferenceContext, job: RequestJob, claim: Claim): Promise<void> {
  const { spec, grant, hasAnswered, progress } = claim;
  const { retentionMs } = spec;
  const keepsBody = spec.response !== undefined;
  const writer = context.publisher.open({
    spec,
    grant,
    hasAnswered,
    retentionMs,
    keepsBody,
    onRefused: () => undefined,
  });
  const failure = createFailure('worker_lost', 'The request was abandoned after its workers had failed repeatedly.');
  if (hasAnswered) {
    writer.event(clientProtocol(spec.protocol).encodeFailureEvent(failure, spec.requestId));
    writer.end(failure.code);
  } else writer.fail(failure);
  const waitedAt = stepAt(spec.plan, job.step, progress);
  await writer.settled();
  await insist(context, () => context.books.close({ spec, progress, failure, answeredBy: null, waitedAt }));
}
