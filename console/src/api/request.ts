// One request, read again until nothing about it can change. Its end, its attempts and its dead letter are written one after
// another, so a response that names the end may still lack the others.
import { serverNow } from '../parts/clock.ts';
import type { RequestDetail } from './types.ts';

const EVERY_MS = 1_000;
/** The interval for a request whose entry in the ledger is late. */
const LATE_EVERY_MS = 5_000;
/** How long a failed request may take to become a dead letter; whether it does depends on the configuration. */
const DEAD_LETTER_MS = 5_000;
/** After this an entry is not expected any more: the ledger has refused it. */
const ENTRY_MS = 120_000;

/**
 * When requests that are over, but have no `finished_at` yet, were first seen. A response that equals the one before is the same
 * object (`structuralSharing` of query-core).
 */
const unfinishedSince = new WeakMap<RequestDetail, number>();

/** An ApiError has a status. */
type QueryError = Error & { status?: number };

/** The refresh interval of a query for a request. */
export function untilFinal(request: RequestDetail | undefined, error: QueryError | null): number | false {
  if (error?.status === 404) return false;
  if (request === undefined) return EVERY_MS;
  const now = serverNow();
  if (isFinal(request, now)) return false;
  return now - (unfinishedSince.get(request) ?? now) < DEAD_LETTER_MS ? EVERY_MS : LATE_EVERY_MS;
}

export function isRunning({ status }: RequestDetail): boolean {
  return ['queued', 'running', 'cancelling'].includes(status);
}

export function isFinal(request: RequestDetail, nowMs: number): boolean {
  const { finished_at: finishedAt, error, dead_letter: letter } = request;
  if (finishedAt === null) return !isRunning(request) && isEntryLost(request, nowMs);
  const sinceMs = nowMs - finishedAt * 1_000;
  if (error != null && letter === null && sinceMs < DEAD_LETTER_MS) return false;
  return hasAttempts(request) || sinceMs > ENTRY_MS;
}

function isEntryLost(request: RequestDetail, nowMs: number): boolean {
  const sinceMs = unfinishedSince.get(request) ?? nowMs;
  unfinishedSince.set(request, sinceMs);
  return nowMs - sinceMs > ENTRY_MS;
}

/** Whether the ledger has all attempts of its timeline. */
export function hasAttempts({ timeline, attempts }: RequestDetail): boolean {
  const known = new Set(attempts.map(({ attempt }) => attempt));
  return timeline.every(({ attempt }) => attempt === undefined || known.has(attempt));
}
