// A job that BullMQ gave up: the workers that had it died one after the other, or its processing failed by a bug. The
// client must hear of it all the same.
import { createFailure } from '#src/contracts/failure.ts';
import type { RequestJob } from '#src/contracts/job.ts';
import { encodeMessage, requestOutcome } from '#src/ledger/messages.ts';
import { clientProtocol } from '#src/protocols/registry.ts';
import type { InferenceContext } from './delivery.ts';

export function createAbandonedHandler(context: InferenceContext) {
  return (job: RequestJob, error: Error): void => {
    context.logger.error({ err: error, request_id: job.requestId }, 'job given up');
    sayLost(context, job).catch((failure: Error) =>
      context.logger.error({ err: failure }, 'could not end a lost request'),
    );
  };
}

async function sayLost(context: InferenceContext, job: RequestJob): Promise<void> {
  const claimed = await context.store.claim(job.requestId, job.step, context.workerId, context.settings.recordTtlMs);
  if (claimed.kind !== 'claimed') return;
  const { spec, grant, hasAnswered, progress } = claimed.claim;
  const { retentionMs } = spec;
  const writer = context.publisher.open({ spec, grant, hasAnswered, retentionMs, onRefused: () => undefined });
  const failure = createFailure('worker_lost', 'The request was given up after its workers failed repeatedly.');
  if (hasAnswered) {
    writer.event(clientProtocol(spec.protocol).encodeFailureEvent(failure, spec.requestId));
    writer.end(failure.code);
  } else writer.fail(failure);
  const request = requestOutcome(spec, {
    outcome: failure.code,
    answeredBy: null,
    attempts: progress.calls,
    cost: BigInt(progress.costPicoUsd),
    timeline: progress.timeline,
    finishedAtMs: Date.now(),
  });
  await Promise.all([
    context.ledger.append(encodeMessage({ request })),
    spec.budgetHold === null ? undefined : context.budgets.settle(spec.budgetHold, spec.requestId, request.chargeUnits),
    writer.settled(),
  ]);
}
