// `Idempotency-Key`: a request with the same key and content joins the running request, or gets its answer.
import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import type { IdempotencyClaim, RequestStore } from '../../reply/request-store.ts';

/** The same as Stripe's, whose header has become the model. */
const MAX_KEY_LENGTH = 255;
const VISIBLE = /^[\x20-\x7e]+$/;
/** Headers that change what a request means. */
const MEANINGFUL_HEADERS = ['vendor', 'anthropic-version', 'anthropic-beta'] as const;

export interface Idempotency extends IdempotencyClaim {
  /** The shard of its request: key, record and log are written by one script. */
  shard: number;
}

/** Null without the header; throws a FailureError for an invalid key. */
export function readIdempotency(
  request: FastifyRequest,
  keyId: string,
  body: Buffer,
  settings: { replyShards: number; timeToLiveMs: number },
): Idempotency | null {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key !== 'string' || key.length > MAX_KEY_LENGTH || !VISIBLE.test(key)) {
    const message = `The header Idempotency-Key must have 1 to ${MAX_KEY_LENGTH} visible ASCII characters.`;
    throw new FailureError(createFailure('request_invalid', message, { param: 'Idempotency-Key' }));
  }
  const name = createHash('sha256').update(`${keyId}\n${key}`).digest('hex');
  const meaning = createHash('sha256').update(request.url);
  for (const header of MEANINGFUL_HEADERS) meaning.update(`\n${request.headers[header] ?? ''}`);
  return {
    name,
    fingerprint: meaning.update('\n').update(body).digest('hex'),
    timeToLiveMs: settings.timeToLiveMs,
    shard: Number.parseInt(name.slice(0, 8), 16) % settings.replyShards,
  };
}

/**
 * The request to join; null if a new one may begin, because the key is unused or its request has failed. A client that resumes a
 * stream never gets the beginning of another one: it gets the outcome of the stream it knows.
 */
export async function findKnown(
  store: RequestStore,
  { shard, name, fingerprint }: Idempotency,
  isResuming: boolean,
): Promise<string | null> {
  const known = await store.findByIdempotencyKey(shard, name);
  if (known === null && isResuming) throw new FailureError(NOTHING_TO_RESUME);
  if (known === null || (known.isFree && !isResuming)) return null;
  if (known.fingerprint !== fingerprint) throw idempotencyConflict();
  return known.requestId;
}

/** Covers the time from the first duplicate's reservation to its acceptance, with a margin. */
const ACCEPTED_WITHIN_MS = [0, 50, 200];

/**
 * For a request that the budget has no room for: concurrent duplicates also reserve until they are recognised, so the room may
 * have been taken by the request that this one repeats.
 */
export async function findAtLast(store: RequestStore, idempotency: Idempotency | null): Promise<string | null> {
  if (idempotency === null) return null;
  for (const waitMs of ACCEPTED_WITHIN_MS) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    const known = await findKnown(store, idempotency, false);
    if (known !== null) return known;
  }
  return null;
}

const NOTHING_TO_RESUME = createFailure(
  'request_not_found',
  'There is no stream with this Idempotency-Key, or it is no longer stored. Omit Last-Event-ID to start a new one.',
  { param: 'Last-Event-ID' },
);

export function idempotencyConflict(): FailureError {
  const message = 'This Idempotency-Key was used with a different request body. Use a new key for a new request.';
  return new FailureError(createFailure('idempotency_conflict', message, { param: 'Idempotency-Key' }));
}
