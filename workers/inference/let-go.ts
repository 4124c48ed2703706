// How a delivery ends without an answer: the request goes back to its queue or to another provider's queue, or ends with a
// failure.
import { createFailure, type Failure, mostUseful } from '#src/contracts/failure.ts';
import type { RequestJob } from '#src/contracts/job.ts';
import {
  CONTRACT_VERSION,
  isForgottenWhenDelivered,
  type RequestProgress,
  type RequestSpec,
} from '#src/contracts/request-record.ts';
import type { RouteStep } from '#src/contracts/route-plan.ts';
import { turnOf } from '#src/limits/permit-terms.ts';
import { type WaitEntry, waitEntry } from '#src/limits/wait-queue.ts';
import type { Disposition } from '#src/queue/consumer.ts';
import type { ClaimResult } from '#src/reply/claim.ts';
import { moveOn, stepAt } from '#src/routing/walk.ts';
import { type Delivery, type InferenceContext, insist, type StepResult } from './delivery.ts';
import { mayBeRescued } from './prepare-step.ts';
import { noteWaits } from './trace-attempts.ts';

/** A parked job returns this much early: it must be in the queue when its turn comes. */
const PARK_EARLY_MS = 500;
const PARK_MIN_MS = 100;
const PARK_MAX_MS = 30_000;

/** A request with a live owner is checked again after this time; the owner finishes, or goes silent and counts as dead. */
export const OWNED_RECHECK_MS = 2_000;

export const COMPLETE: Disposition = { kind: 'complete' };
/**
 * Another delivery seems to own the request, so this one must not complete the job: the next worker that gets the job checks the
 * record again, which also finds a request that has no owner after all.
 */
export const LOST: Disposition = { kind: 'delay', delayMs: OWNED_RECHECK_MS };

const NEWER_RECHECK_MS = 2_000;

/** During a rollout, API processes of the new version are ahead of some workers. */
export function leaveToNewer(context: InferenceContext, { requestId }: RequestJob, version: number): Disposition {
  context.logger.error(
    { request_id: requestId, version, reads: CONTRACT_VERSION },
    'this request was written by a newer version: leaving it for a newer worker',
  );
  return { kind: 'delay', delayMs: NEWER_RECHECK_MS };
}

/** The request is at another step of its plan; the worker that moved it may have died before it queued the job. */
export async function followMove(
  context: InferenceContext,
  { spec, step, progress }: Extract<ClaimResult, { kind: 'moved' }>,
): Promise<Disposition> {
  await enqueueAt(context, spec, step, stepAt(spec.plan, step, progress));
  return COMPLETE;
}

/** In the new queue it takes turns with the others. */
function enqueueAt(context: InferenceContext, spec: RequestSpec, place: number, step: RouteStep): Promise<void> {
  const turn =
    spec.lane === 'interactive' ? turnOf(spec, context.catalogue.deployments.get(step.deployment)) : undefined;
  const job = { requestId: spec.requestId, step: place };
  return insist(context, () => context.producer.enqueue(step.provider, spec.lane, job, turn));
}

/** Moves to the queue of the next step. A crash in between leaves the old job, whose claim then finds the request moved. */
export async function fallBack(context: InferenceContext, delivery: Delivery): Promise<Disposition> {
  const { spec, job } = delivery;
  const place = job.step + 1;
  const { waitsFor: _, ...rest } = moveOn(spec.plan, job.step, delivery.progress);
  const progress: RequestProgress = rest;
  const next = stepAt(spec.plan, place, progress);
  moveWaitQueues(context, delivery, next);
  const isOurs = await release(context, delivery, place, progress);
  if (!isOurs) return lose(context, delivery);
  await enqueueAt(context, spec, place, next);
  context.metrics.fallback(delivery.step.provider, next.provider);
  return COMPLETE;
}

export async function park(
  context: InferenceContext,
  delivery: Delivery,
  { waitMs, waitsFor }: Pick<Extract<StepResult, { kind: 'park' }>, 'waitMs' | 'waitsFor'>,
): Promise<Disposition> {
  const isOurs = await release(context, delivery, delivery.job.step, { ...delivery.progress, waitsFor });
  const delayMs = Math.min(PARK_MAX_MS, Math.max(PARK_MIN_MS, waitMs - PARK_EARLY_MS));
  return isOurs ? { kind: 'delay', delayMs } : lose(context, delivery);
}

/** Sends the most useful failure, in the running stream if there is one, and closes the request's books. */
export async function endRequest(
  context: InferenceContext,
  delivery: Delivery,
  failure: Failure,
): Promise<Disposition> {
  if (failure.code === 'shutting_down' && (!delivery.writer.hasAnswered || mayBeRescued(delivery))) {
    return giveBack(context, delivery);
  }
  const { writer, client, spec, step, progress, cancellation } = delivery;
  const said = cancellation.failure ?? mostUseful([...progress.failures, failure]);
  if (writer.hasAnswered) {
    writer.event(client.encodeFailureEvent(said, spec.requestId));
    writer.end(said.code);
  } else writer.fail(said);
  if (progress.timeline.at(-1)?.kind !== 'attempt') noteWaits(context, delivery);
  const answeredBy = writer.hasAnswered ? step : null;
  // As for an answer (perform-attempt.ts): the books must agree with the log.
  if (!isForgottenWhenDelivered(spec)) await writer.settled();
  if (delivery.isLost) return lose(context, delivery);
  await insist(context, () => context.books.close({ spec, progress, failure: said, answeredBy, waitedAt: step }));
  await writer.settled();
  return delivery.isLost ? LOST : COMPLETE;
}

/** Redis refused a write that the request depends on: another delivery begins as soon as Redis accepts writes. */
export async function giveBack(context: InferenceContext, delivery: Delivery): Promise<Disposition> {
  const isOurs = await release(context, delivery, delivery.job.step, delivery.progress);
  return isOurs ? { kind: 'give-back' } : lose(context, delivery);
}

/**
 * The request is not this delivery's any more. If another one owns it, that one ends it. If its record is gone (its API process gave
 * it up and forgot it, or Redis lost it), nobody else may close its books. Or another worker has: a record is also forgotten when its
 * answer is delivered.
 */
export async function lose(context: InferenceContext, delivery: Delivery): Promise<Disposition> {
  const { spec, step, progress, writer, cancellation } = delivery;
  const isGone = await context.replyLog.isGone(spec.requestId).catch(() => false);
  if (!isGone) {
    // If it is this worker's all the same (Redis stored what it seemed to refuse), the next delivery ends it.
    await insist(context, () => context.store.disown(spec.requestId, context.workerId, 'open'));
    return LOST;
  }
  const failure = cancellation.failure ?? createFailure('worker_lost', 'The request has no record any more.');
  const answeredBy = writer.hasAnswered ? step : null;
  await insist(context, () =>
    context.books.close({ spec, progress, failure, answeredBy, waitedAt: step, isOrphan: true }),
  );
  return COMPLETE;
}

async function release(
  context: InferenceContext,
  delivery: Delivery,
  toStep: number,
  progress: Delivery['progress'],
): Promise<boolean> {
  const { spec, job, writer, isAttemptUsed } = delivery;
  // Output that the provider will bill reaches the client: the next attempt continues after it.
  await writer.settled();
  writer.abandon();
  const change = { fromStep: job.step, toStep, progress, isAttemptUnused: !isAttemptUsed };
  return insist(context, () => context.store.release(spec.requestId, context.workerId, change));
}

// Updates the wait queues (src/limits/wait-queue.ts) when a waiting request moves. The writes are not awaited: the janitor
// repairs what is lost.

/** Moves it to another deployment's wait queue; the wait queue of its key stays the same. */
export function moveWaitQueues(context: InferenceContext, { spec, step }: Delivery, next: RouteStep): void {
  const from = ofDeployment(waitEntry(spec, step));
  const to = ofDeployment(waitEntry(spec, next));
  Promise.all([context.waitQueues.leave(from), context.waitQueues.enter(to)]).catch(context.onTrouble);
}

function ofDeployment(entry: WaitEntry): WaitEntry {
  return { ...entry, scopes: entry.scopes.slice(0, 1) };
}
