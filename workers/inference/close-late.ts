// A request that is over and whose worker has died between its last frame and the books: whoever gets the job next closes
// them. What the books have already stays, so this does no harm where the first worker was faster.
//
// The last attempt is written as unsettled, with an estimate, by the janitor; the outcome counts the attempts before it.
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import type { FailureCode } from '#src/contracts/failure-table.ts';
import type { RequestJob } from '#src/contracts/job.ts';
import type { Disposition } from '#src/queue/consumer.ts';
import { readAnswer } from '#src/reply/read-answer.ts';
import type { ClaimResult } from '#src/reply/request-store.ts';
import { stepAt } from '#src/routing/walk.ts';
import type { InferenceContext } from './delivery.ts';
import { COMPLETE } from './let-go.ts';

type Done = Extract<ClaimResult, { kind: 'done' }>;

/** A failure is said in one frame; a longer answer has none. */
const MAX_READ_BYTES = 1024 * 1024;

export async function closeLate(context: InferenceContext, job: RequestJob, done: Done): Promise<Disposition> {
  const { spec, progress } = done;
  const step = stepAt(spec.plan, job.step, progress);
  const failure = await failureOf(context, done);
  await context.books.close({ spec, progress, failure, answeredBy: failure === null ? step : null, waitedAt: step });
  return COMPLETE;
}

async function failureOf(context: InferenceContext, { spec, outcome }: Done): Promise<Failure | null> {
  if (outcome === 'ok') return null;
  const said = await readAnswer(context.replyLog, spec.requestId, MAX_READ_BYTES).catch(() => null);
  if (said?.failure) return said.failure;
  const code = outcome === 'failed' ? 'internal' : (outcome as FailureCode);
  return createFailure(code, 'The request ended with this failure; its worker died before it had written more of it.');
}
