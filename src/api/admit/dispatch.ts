// Hands an admitted request over to the workers. Order matters here: the reply is subscribed to before anything is written, and
// the body is stored before the job that refers to it.
import { createFailure, type Failure, FailureError } from '../../contracts/failure.ts';
import type { RequestSpec } from '../../contracts/request-record.ts';
import { type BodyQuota, isBodyCounted } from '../../reply/body-quota.ts';
import type { AcceptResult, IdempotencyClaim, RequestStore } from '../../reply/request-store.ts';
import { isRedisTrouble } from '../../storage/redis-trouble.ts';
import type { RedisWatch } from '../../storage/redis-watch.ts';
import { isSqlTrouble } from '../../storage/refused-rows.ts';
import type { Admission } from './admission.ts';
import type { HandOver } from './hand-over.ts';

/** Record and body outlive the deadline by this: a worker may be writing its last frame. */
const RECORD_GRACE_MS = 120_000;
/** No client waits for these: a worker must find them to report that the deadline has passed, even after days without one. */
const UNWATCHED_RECORD_GRACE_MS = 7 * 24 * 3_600_000;
const RETRY_AFTER_OUTAGE_MS = 1_000;

export interface Dispatcher {
  store: RequestStore;
  handOver: HandOver;
  admission: Admission;
  bodies: BodyQuota;
  redisWatch: RedisWatch;
  tracing?: { admitted(spec: RequestSpec): void } | null;
}

/**
 * Nothing is enqueued if the request joins another. Throws a FailureError if it could not be answered before its deadline (503,
 * 429), or if Redis refuses it (503); the client may repeat it: what was written is cancelled.
 */
export async function dispatch(
  { store, handOver, admission, bodies, redisWatch, tracing }: Dispatcher,
  spec: RequestSpec,
  body: Buffer,
  idempotency?: IdempotencyClaim,
): Promise<AcceptResult> {
  const graceMs = spec.lifetime === 'nobody' ? UNWATCHED_RECORD_GRACE_MS : RECORD_GRACE_MS;
  const deadlineMs = spec.deadlineAtMs - spec.acceptedAtMs;
  const timeToLiveMs = deadlineMs + graceMs;
  // A key must not expire while its request runs: its lifetime counts from the latest possible end.
  const claim = idempotency && { ...idempotency, timeToLiveMs: idempotency.timeToLiveMs + deadlineMs };
  if (redisWatch.fullPercent !== null) throw new FailureError(nearlyFull(redisWatch.fullPercent));
  try {
    await countBody(bodies, spec, body, timeToLiveMs);
    const entry = await admission.enter(spec);
    const request = { spec, body, timeToLiveMs, idempotency: claim };
    const { result, totals } = await handOver.handOver(request, entry);
    if (entry !== null && totals !== null) admission.note(entry, totals);
    if (result.kind === 'accepted') tracing?.admitted(spec);
    if (result.kind === 'accepted') return result;
    if (entry === null) admission.leave(spec);
    leaveBody(bodies, spec);
    return result;
  } catch (error) {
    leaveBody(bodies, spec);
    if (error instanceof FailureError) throw error;
    admission.leave(spec);
    // A command that timed out may still be executed when Redis recovers: then the cancellation is executed right after it.
    void withdraw(store, spec.requestId, idempotency === undefined ? WITHDRAW_AGAIN_MS : []);
    return rethrow(error as Error);
  }
}

/** Throws a FailureError if there is no room for the body. */
async function countBody(bodies: BodyQuota, spec: RequestSpec, body: Buffer, timeToLiveMs: number): Promise<void> {
  if (!isBodyCounted(spec, body.length)) return;
  spec.countedBytes = body.length;
  const outcome = await bodies.enter(spec, body.length, timeToLiveMs);
  if (outcome === 'counted') return;
  delete spec.countedBytes;
  throw new FailureError(noRoom(outcome));
}

/** If Redis stays unavailable, the count expires. */
function leaveBody(bodies: BodyQuota, spec: RequestSpec): void {
  bodies.leave(spec).catch(() => undefined);
}

function noRoom(whose: 'key' | 'all'): Failure {
  const more = { retryAfterMs: RETRY_AFTER_FULL_MS };
  return whose === 'key'
    ? createFailure(
        'key_rate_limited',
        'Too many bytes of this key’s requests are waiting already; wait until some of them have ended.',
        more,
      )
    : createFailure('capacity_exhausted', 'Too many bytes of requests are waiting already; try again shortly.', more);
}

/** The remaining memory is needed by running requests. */
function nearlyFull(percent: number): Failure {
  const message = `The request queue is nearly full (Redis uses ${percent} % of its memory). Nothing was sent to a provider; try again shortly.`;
  return createFailure('queue_unavailable', message, { retryAfterMs: RETRY_AFTER_FULL_MS });
}

const RETRY_AFTER_FULL_MS = 5_000;

/** Repeated only without an idempotency key: with one, the client may meanwhile have returned to the request. */
const WITHDRAW_AGAIN_MS = [1_000, 5_000, 20_000];

/**
 * Cancels what was written: frees the idempotency key, and removes a body that no worker will read. Never rejects: if Redis
 * stays unavailable, the rest expires. A request that has called a provider meanwhile, and waits for its next call, keeps its
 * record: the worker that takes it finds the mark of the cancellation, and closes its books.
 */
async function withdraw(store: RequestStore, requestId: string, againMs: readonly number[]): Promise<void> {
  for (const waitMs of [0, ...againMs]) {
    if (waitMs > 0) await new Promise<void>((resolve) => void setTimeout(resolve, waitMs).unref());
    const result = await store.cancel(requestId).catch(() => null);
    if (result === null) continue;
    if (result.kind === 'queued' && result.progress.calls === 0) await store.forget([requestId]).catch(() => undefined);
    return;
  }
}

function unavailable(what: string, error: Error): FailureError {
  const message = `The ${what} is not available right now (${error.name}). Nothing was sent to a provider; try again shortly.`;
  return new FailureError(createFailure('queue_unavailable', message, { retryAfterMs: RETRY_AFTER_OUTAGE_MS }));
}

/** Turns errors of an unavailable Redis or SQL into a failure; anything else is a bug and is rethrown. */
export function rethrow(error: Error): never {
  if (error instanceof FailureError) throw error;
  if (isRedisTrouble(error)) throw unavailable('request queue', error);
  throw isSqlTrouble(error) ? unavailable('database', error) : error;
}
