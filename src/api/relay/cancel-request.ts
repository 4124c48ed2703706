// A request that nobody waits for any more: its job is taken out of the queue, or its worker told to stop.
import { isDeadLetter } from '../../contracts/dead-letter.ts';
import { createFailure, type Failure } from '../../contracts/failure.ts';
import type { RequestSpec } from '../../contracts/request-record.ts';
import type { Books } from '../../ledger/books.ts';
import type { QueueProducer } from '../../queue/producer.ts';
import type { RequestStore } from '../../reply/request-store.ts';
import { stepAt } from '../../routing/walk.ts';

/** Messages to workers can be lost: it is said again until the record is done. */
const REPEAT_AFTER_MS = [500, 1_000, 2_000, 4_000];

export interface Canceller {
  store: RequestStore;
  producer: QueueProducer;
  /** What no worker will see again ends here, with the attempts that it has had. */
  books: Books;
  onError: (error: Error) => void;
}

const CANCELLED = createFailure('request_cancelled', 'The client went away, or the request was cancelled.');

export interface CancelOptions {
  /** Why, where it was not its client's wish: the outcome of a request that no worker has. */
  failure?: Failure;
  /** Somebody still listens, or may ask later. */
  isAwaited?: boolean;
}

/** Returns at once; goes on in the background until the request is over or all repeats are spent. */
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
    // A worker ends it properly, before everything else that waits: it finds the mark when it takes the job.
    await producer.advance(provider, spec.lane, job);
    return false;
  }
  if (!(await producer.remove(provider, spec.lane, job))) return false;
  // Order matters here: what is forgotten is over, and nobody would close its books any more.
  await books.close({ spec, progress: result.progress, failure, answeredBy: null, waitedAt: step });
  await store.forget([spec.requestId], isDeadLetter(spec, failure.code));
  return true;
}
