// Stops one line's request: out of the queue, or its worker is told.
import { createFailure } from '#src/contracts/failure.ts';
import type { RequestSpec } from '#src/contracts/request-record.ts';
import { stepAt } from '#src/routing/walk.ts';
import type { BatchContext } from './batch-context.ts';

const CANCELLED = createFailure('request_cancelled', 'The batch was cancelled, or its time was over.');

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
  const step = stepAt(view.spec.plan, result.step, result.progress);
  const job = { requestId: spec.requestId, step: result.step };
  if (!(await producer.remove(step.provider, 'batch', job))) return 'running';
  // Order matters here: what is forgotten is over, and nobody would close its books any more.
  await context.books.close({
    spec: view.spec,
    progress: result.progress,
    failure: CANCELLED,
    answeredBy: null,
    waitedAt: step,
  });
  await store.forget([spec.requestId]);
  return 'removed';
}
