// A failure as an HTTP answer: the protocol writes the body; the headers that clients' retry logic reads are the same for all
// protocols.
import type { Failure } from '../../contracts/failure.ts';
import { ruleOf } from '../../contracts/failure-table.ts';
import type { ClientProtocol, EncodedAnswer } from '../../protocols/protocol.ts';

/** Statuses that always carry `retry-after`. */
const STATUSES_WITH_RETRY_AFTER = new Set([429, 503]);
const DEFAULT_RETRY_AFTER_MS = 1_000;
/**
 * OpenAI's SDKs ignore longer waits and retry after half a second instead (npm openai 7.55.0): such an answer tells them not to
 * retry.
 */
const LONGEST_OBEYED_WAIT_MS = 60_000;

export function encodeFailureAnswer(client: ClientProtocol, failure: Failure, requestId: string): EncodedAnswer {
  const answer = client.encodeFailure(failure, requestId);
  return { ...answer, headers: { ...answer.headers, ...retryHeaders(failure, answer.status) } };
}

function retryHeaders(failure: Failure, status: number): Record<string, string> {
  const rule = ruleOf(failure.code);
  const isAnnounced = STATUSES_WITH_RETRY_AFTER.has(status) && rule.shouldRetry !== false;
  const waitMs = failure.retryAfterMs ?? (isAnnounced ? DEFAULT_RETRY_AFTER_MS : undefined);
  const shouldRetry = waitMs !== undefined && waitMs > LONGEST_OBEYED_WAIT_MS ? false : rule.shouldRetry;
  return {
    ...(waitMs === undefined
      ? {}
      : { 'retry-after': String(Math.ceil(waitMs / 1_000)), 'retry-after-ms': String(Math.ceil(waitMs)) }),
    ...(shouldRetry === undefined ? {} : { 'x-should-retry': String(shouldRetry) }),
  };
}
