// Stops one line's request: out of the queue, or its worker is told.
import type { RequestSpec } from '#src/contracts/request-record.ts';
import { encodeMessage, requestOutcome } from '#src/ledger/messages.ts';
import { stepAt } from '#src/routing/walk.ts';
import type { BatchContext } from './batch-context.ts';

/**
 * `removed`: nobody will work on it, its books are closed. `over`: its last frame is in the log. `running`: a worker has
 * it and was told to stop; ask again.
 */
export async function cancelLine(context: BatchContext, spec: RequestSpec): Promise<'removed' | 'over' | 'running'> {
  const { store, producer } = context;
  const result = await store.cancel(spec.requestId);
  if (result.kind === 'done') return 'over';
  if (result.kind === 'running') return 'running';
  const view = await store.read(spec.requestId);
  if (view === null) return 'removed';
  // The record's own plan: an earlier owner of the batch may have made it.
  const { provider } = stepAt(view.spec.plan, result.step, result.progress);
  const job = { requestId: spec.requestId, step: result.step };
  if (!(await producer.remove(provider, 'batch', job))) return 'running';
  const request = requestOutcome(view.spec, {
    outcome: 'request_cancelled',
    answeredBy: null,
    attempts: result.progress.calls,
    cost: BigInt(result.progress.costPicoUsd),
    finishedAtMs: Date.now(),
    timeline: result.progress.timeline,
  });
  const { budgetHold, requestId } = view.spec;
  await store.forget([requestId]);
  await context.ledger.append(encodeMessage({ request }));
  if (budgetHold !== null) await context.budgets.settle(budgetHold, requestId, request.chargeUnits);
  return 'removed';
}
