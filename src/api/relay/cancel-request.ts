// Cancels a request that nobody waits for any more: removes its job from the queue, or tells its worker to stop.
import { isDeadLetter } from '../../contracts/dead-letter.ts';
import { createFailure, type Failure } from '../../contracts/failure.ts';
import type { RequestSpec } from '../../contracts/request-record.ts';
import type { Books } from '../../ledger/books.ts';
import type { QueueProducer } from '../../queue/producer.ts';
import type { RequestStore } from '../../reply/request-store.ts';
import { stepAt } from '../../routing/walk.ts';

/** Messages to workers can be lost: they are repeated until the record is done. */
const REPEAT_AFTER_MS = [500, 1_000, 2_000, 4_000];

export interface Canceller {
  store: RequestStore;
  producer: QueueProducer;
  /** Ends a request that no worker will see again, with the attempts it has had. */
  books: Books;
  onError: (error: Error) => void;
}

const CANCELLED = createFailure('request_cancelled', 'The client disconnected, or the request was cancelled.');

export interface CancelOptions {
  /** The outcome of a request that no worker has; absent if its client has cancelled it. */
  failure?: Failure;
  /** Somebody is still listening, or may retrieve it later. */
  isAwaited?: boolean;
}

/** Returns at once; continues in the background until the request has ended or all repeats are used up. */
export function cancelRequest(
  canceller: Canceller,
  spec: RequestSpec,
  { failure = CANCELLED, isAwaited = spec.lifetime !== 'client' }: CancelOptions = {},
): void {
  void cancelUntilOver(canceller, spec, { failure, isAwaited });
}

async function cancelUntilOver(
  canceller: Canceller,
  spec: RequestSpec,
  options: Required<CancelOptions>,
): Promise<void> {
  for (const waitMs of [0, ...REPEAT_AFTER_MS]) {
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    try {
      if (await cancelOnce(canceller, spec, options)) return;
    } catch (error) {
      canceller.onError(error as Error);
    }
  }
}

async function cancelOnce(
  canceller: Canceller,
  spec: RequestSpec,
  { failure, isAwaited }: Required<CancelOptions>,
): Promise<boolean> {
  const { store, producer, books } = canceller;
  const result = await store.cancel(spec.requestId);
  if (result.kind === 'done') return true;
  if (result.kind === 'running') return false;
  const step = stepAt(spec.plan, result.step, result.progress);
  const { provider } = step;
  const job = { requestId: spec.requestId, step: result.step };
  if (isAwaited) {
    // Moved to the front of the queue: the worker that takes the job finds the cancel mark and ends the request.
    await producer.advance(provider, spec.lane, job);
    return false;
  }
  if (!(await producer.remove(provider, spec.lane, job))) return false;
  // Order matters: once the record is removed, nobody would close the request's books.
  await books.close({ spec, progress: result.progress, failure, answeredBy: null, waitedAt: step });
  await store.forget([spec.requestId], isDeadLetter(spec, failure.code));
  return true;
}
