// Calls of workers that died in the middle of them. Nobody has written them into the request's progress: the ledger has them as
// unsettled, and what is reported of the request must count them as well.
import { attemptId } from '#src/contracts/ids.ts';
import type { RequestProgress, RequestSpec } from '#src/contracts/request-record.ts';
import { PERMIT_LEASE_MS } from '#src/limits/limiter.ts';
import type { Claim } from '#src/reply/claim.ts';
import type { InferenceContext } from './delivery.ts';

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
