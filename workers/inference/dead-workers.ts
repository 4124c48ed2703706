// What a worker that died has left: calls that are in nobody's progress, and requests that have ended without their books.
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import type { FailureCode } from '#src/contracts/failure-table.ts';
import { attemptId } from '#src/contracts/ids.ts';
import type { RequestJob } from '#src/contracts/job.ts';
import type { RequestProgress, RequestSpec } from '#src/contracts/request-record.ts';
import { PERMIT_LEASE_MS } from '#src/limits/limiter.ts';
import type { Disposition } from '#src/queue/consumer.ts';
import type { Claim, ClaimResult } from '#src/reply/claim.ts';
import { readAnswer } from '#src/reply/reply-log.ts';
import { stepAt } from '#src/routing/walk.ts';
import type { InferenceContext } from './delivery.ts';
import { COMPLETE } from './let-go.ts';

// The ledger has calls of a worker that died in the middle of them as unsettled; what is reported of the request counts them, too.

/** Never rejects: without Redis the calls are counted without them. */
export async function withLostCalls(context: InferenceContext, claim: Claim): Promise<Claim> {
  const numbers = claim.grant.attempt - 1;
  const { calls } = claim.progress;
  // Numbers beyond the calls belong to a worker that died. It may have waited for a permit, and called nobody.
  if (numbers <= calls) return claim;
  try {
    const open = await countOpen(context, claim.spec, numbers);
    const all = open === 0 && mayBeReaped(claim) ? numbers : Math.min(numbers, calls + open);
    return { ...claim, progress: { ...claim.progress, calls: all } };
  } catch (error) {
    context.onTrouble(error as Error);
    return claim;
  }
}

/** A call's permit outlives its worker by its lease. */
function countOpen({ limiter }: InferenceContext, { requestId }: RequestSpec, numbers: number): Promise<number> {
  return limiter.countOpen(Array.from({ length: numbers }, (_, index) => attemptId(requestId, index + 1)));
}

/** Whether the lease of a permit of the worker that died may be over, so that the call is in the ledger already. */
function mayBeReaped({ spec, progress }: Claim): boolean {
  return Date.now() - lastSeenMs(spec, progress) >= PERMIT_LEASE_MS;
}

/** Before the worker that died had the request. */
function lastSeenMs(spec: RequestSpec, { timeline }: RequestProgress): number {
  return timeline.at(-1)?.untilMs ?? spec.acceptedAtMs;
}

// A finished request whose worker died between its last frame and the books: the next worker that gets the job closes the books.
// Existing entries stay unchanged, so this is harmless if the first worker did it already.
//
// The janitor writes the last attempt as unsettled, with an estimate; the outcome has the cost of the attempts before it.

type Done = Extract<ClaimResult, { kind: 'done' }>;

/** A failure fits in one frame; a longer answer contains none. */
const MAX_READ_BYTES = 1024 * 1024;

export async function closeLate(context: InferenceContext, job: RequestJob, done: Done): Promise<Disposition> {
  const { spec } = done;
  const progress = { ...done.progress, calls: Math.max(done.progress.calls, done.attempts) };
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
  return createFailure(code, 'The request failed with this code; its worker died before it could write the details.');
}
