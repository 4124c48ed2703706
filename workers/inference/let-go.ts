// How a delivery ends without an answer: the request goes back to its queue, on to another provider's, or gets a failure
// as its outcome.
import { type Failure, mostUseful } from '#src/contracts/failure.ts';
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

/** A parked job comes back this much before its time: it must be in the line when its turn comes. */
const PARK_EARLY_MS = 500;
const PARK_MIN_MS = 100;
const PARK_MAX_MS = 30_000;

/** A live owner is asked about again after this; it finishes, or falls silent and is taken for dead. */
export const OWNED_RECHECK_MS = 2_000;

export const COMPLETE: Disposition = { kind: 'complete' };
/**
 * Another delivery seems to have the request. The job is not this one's to complete: the next worker that gets it asks the record
 * again, which also finds a request that nobody has after all.
 */
export const LOST: Disposition = { kind: 'delay', delayMs: OWNED_RECHECK_MS };

const NEWER_RECHECK_MS = 2_000;

/** While a new version is rolled out, its API processes are ahead of some workers. */
export function leaveToNewer(context: InferenceContext, { requestId }: RequestJob, version: number): Disposition {
  context.logger.error(
    { request_id: requestId, version, reads: CONTRACT_VERSION },
    'a newer Sluice wrote this request: left for a newer worker',
  );
  return { kind: 'delay', delayMs: NEWER_RECHECK_MS };
}

/** The request is at another place of its plan; the worker that moved it there may have died before it had queued it. */
export async function followMove(
  context: InferenceContext,
  { spec, step, progress }: Extract<ClaimResult, { kind: 'moved' }>,
): Promise<Disposition> {
  await enqueueAt(context, spec, step, stepAt(spec.plan, step, progress));
  return COMPLETE;
}

/** Takes turns with the others there from now on. */
function enqueueAt(context: InferenceContext, spec: RequestSpec, place: number, step: RouteStep): Promise<void> {
  const turn =
    spec.lane === 'interactive' ? turnOf(spec, context.catalogue.deployments.get(step.deployment)) : undefined;
  const job = { requestId: spec.requestId, step: place };
  return insist(context, () => context.producer.enqueue(step.provider, spec.lane, job, turn));
}

/** To the next place's queue. A crash between the two leaves the old job, whose claim then finds the request moved. */
export async function fallBack(context: InferenceContext, delivery: Delivery): Promise<Disposition> {
  const { spec, job } = delivery;
  const place = job.step + 1;
  const { waitsFor: _, ...rest } = moveOn(spec.plan, job.step, delivery.progress);
  const progress: RequestProgress = rest;
  const next = stepAt(spec.plan, place, progress);
  moveWaitQueues(context, delivery, next);
  const isOurs = await release(context, delivery, place, progress);
  if (!isOurs) return LOST;
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
  return isOurs ? { kind: 'delay', delayMs } : LOST;
}

/** Says the most useful of what went wrong, in the running stream if there is one, and closes the request's books. */
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
  // As for an answer (perform-attempt.ts): the books say what the log says.
  if (!isForgottenWhenDelivered(spec)) await writer.settled();
  if (delivery.isLost) return LOST;
  await insist(context, () => context.books.close({ spec, progress, failure: said, answeredBy, waitedAt: step }));
  await writer.settled();
  return delivery.isLost ? LOST : COMPLETE;
}

/** Redis did not take something that the request cannot go on without: as soon as it does, another delivery begins. */
export async function giveBack(context: InferenceContext, delivery: Delivery): Promise<Disposition> {
  const isOurs = await release(context, delivery, delivery.job.step, delivery.progress);
  return isOurs ? { kind: 'give-back' } : LOST;
}

async function release(
  context: InferenceContext,
  delivery: Delivery,
  toStep: number,
  progress: Delivery['progress'],
): Promise<boolean> {
  const { spec, job, writer, isAttemptUsed } = delivery;
  // What the provider has said and wants money for reaches the client: the next attempt goes on behind it.
  await writer.settled();
  writer.abandon();
  const change = { fromStep: job.step, toStep, progress, isAttemptUnused: !isAttemptUsed };
  return insist(context, () => context.store.release(spec.requestId, context.workerId, change));
}

// A waiting request's place in the wait queues (src/limits/wait-queue.ts), where it moves to wait elsewhere. Nobody waits for
// it: what is lost here, the janitor finds.

/** It moves to another deployment; its key's wait queue is the same everywhere. */
export function moveWaitQueues(context: InferenceContext, { spec, step }: Delivery, next: RouteStep): void {
  const from = ofDeployment(waitEntry(spec, step));
  const to = ofDeployment(waitEntry(spec, next));
  Promise.all([context.waitQueues.leave(from), context.waitQueues.enter(to)]).catch(context.onTrouble);
}

function ofDeployment(entry: WaitEntry): WaitEntry {
  return { ...entry, scopes: entry.scopes.slice(0, 1) };
}
