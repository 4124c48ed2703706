// A job that BullMQ gives up: the workers that had it died one after the other, or its processing failed by a bug. The
// client must hear of it all the same. The job leaves its queue afterwards only: a death in between repeats all of this.
import { createFailure } from '#src/contracts/failure.ts';
import type { RequestJob } from '#src/contracts/job.ts';
import { clientProtocol } from '#src/protocols/registry.ts';
import type { Disposition } from '#src/queue/consumer.ts';
import type { Claim } from '#src/reply/request-store.ts';
import { stepAt } from '#src/routing/walk.ts';
import { closeLate } from './close-late.ts';
import { type InferenceContext, insist } from './delivery.ts';
import { COMPLETE, followMove, leaveToNewer, OWNED_RECHECK_MS } from './let-go.ts';

export function createAbandonedHandler(context: InferenceContext) {
  return async (job: RequestJob, error: Error): Promise<Disposition> => {
    // This very process may be at it still, with a lock that it has lost.
    if (context.active.has(job.requestId)) return { kind: 'delay', delayMs: OWNED_RECHECK_MS };
    const { store, workerId, settings } = context;
    const claimed = await store.claim(job.requestId, job.step, workerId, settings.recordTtlMs);
    switch (claimed.kind) {
      case 'claimed':
        context.logger.error({ err: error, request_id: job.requestId }, 'job given up');
        await sayLost(context, job, claimed.claim);
        return COMPLETE;
      case 'owned':
        // It finishes, or has just died.
        return { kind: 'delay', delayMs: OWNED_RECHECK_MS };
      case 'moved':
        return followMove(context, claimed);
      case 'newer':
        return leaveToNewer(context, job, claimed.version);
      case 'done':
        return closeLate(context, job, claimed);
      case 'gone':
        return COMPLETE;
    }
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
  const failure = createFailure('worker_lost', 'The request was given up after its workers failed repeatedly.');
  if (hasAnswered) {
    writer.event(clientProtocol(spec.protocol).encodeFailureEvent(failure, spec.requestId));
    writer.end(failure.code);
  } else writer.fail(failure);
  const waitedAt = stepAt(spec.plan, job.step, progress);
  await writer.settled();
  await insist(context, () => context.books.close({ spec, progress, failure, answeredBy: null, waitedAt }));
}
